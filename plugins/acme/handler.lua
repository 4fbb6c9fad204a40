-- Gets certificates for the domains it is told, from Let's Encrypt or another ACME server, when the first client asks for
-- one; and keeps them from ending.
local find_certificate = require("kong.runloop.certificate").find
local meta = require "kong.meta"
local ssl = require "ngx.ssl"

local find = string.find
local ipairs = ipairs
local kong = kong
local lower = string.lower
local match = string.match
local ngx = ngx
local sub = string.sub

local DAY_S = 86400
local CHALLENGE_PATH = "^/%.well%-known/acme%-challenge/(.+)$"


local ACME = {
  -- Before authentication, or no server could check a challenge.
  PRIORITY = 1705,
  VERSION = meta.version,
}

-- Certificates take libraries that most gateways never need.
local function client()
  return require "kong.plugins.acme.client"
end


-- Of this worker: the plugin's configuration and its domains.
local current, is_served


-- A function that tells whether a host is one of the domains ("*.example.com" stands for all below).
local function build_domain_matcher(domains)
  local names, endings = {}, {}
  for _, domain in ipairs(domains or {}) do
    if sub(domain, 1, 1) == "*" then
      endings[#endings + 1] = sub(domain, 2)
    else
      names[domain] = true
    end
  end
  return function(host)
    if names[host] then
      return true
    end
    for i = 1, #endings do
      if sub(host, -#endings[i]) == endings[i] then
        return true
      end
    end
    return false
  end
end


ACME.build_domain_matcher = build_domain_matcher


local function renew(premature)
  if not premature and current then
    client().renew_certificate(current)
  end
end


ACME.renew = renew


function ACME:init_worker()
  ngx.timer.every(DAY_S, renew)
end


function ACME:configure(configs)
  current = configs and configs[1] or nil
  is_served = current and build_domain_matcher(current.domains)
end


local function wants(conf, host)
  if not conf.enable_ipv4_common_name and find(host, "^%d+%.%d+%.%d+%.%d+$") then
    return false
  end
  if conf.allow_any_domain then
    return true
  end
  is_served = is_served or build_domain_matcher(conf.domains)
  return is_served(host)
end


local function create(premature, conf, host)
  if premature then
    return
  end
  local ok, err = client().update_certificate(conf, host)
  if ok then
    ok, err = client().store_renew_config(conf, host)
  end
  if not ok and err then
    kong.log.err("failed to update certificate for host: ", host, " err:", err)
  end
end


local function present(certkey)
  ssl.clear_certs()
  local ok, err = ssl.set_der_cert(certkey.cert)
  if ok then
    ok, err = ssl.set_der_priv_key(certkey.key)
  end
  if not ok then
    kong.log.warn("failed to set cert and key: ", err)
  end
end


function ACME:certificate(conf)
  local host = ssl.server_name()
  if not host then
    return kong.log.debug("ignoring because no SNI provided by client")
  end
  host = lower(host)
  if not wants(conf, host) then
    return kong.log.debug("ignoring because domain is not in allowed-list: ", host)
  end
  if find_certificate(host) then
    return kong.log.debug("ignoring because non-default cert is served")
  end
  local certkey, err = client().load_certkey_cached(conf, host)
  if err then
    return kong.log.warn("can't load cert and key from storage: ", err)
  end
  if certkey then
    return present(certkey)
  end
  -- This client gets the default certificate.
  ngx.timer.at(0, create, conf, host)
end


-- Servers that check a challenge come by plain HTTP.
function ACME:access(conf)
  if kong.client.get_protocol() ~= "http" then
    return
  end
  local token = match(kong.request.get_path(), CHALLENGE_PATH)
  if not token or not wants(conf, kong.request.get_host()) then
    return
  end
  local answer = token ~= "x" and client().challenge_answer(conf, token)
  if not answer then
    return kong.response.exit(404, "Not found\n")
  end
  return kong.response.exit(200, answer, { ["Content-Type"] = "text/plain" })
end


return ACME
