local handler = require "kong.plugins.acme.handler"

local date = os.date
local find = string.find
local gsub = string.gsub
local ipairs = ipairs
local kong = kong
local ngx = ngx
local type = type


local function client()
  return require "kong.plugins.acme.client"
end


-- The configuration; ends the request when the plugin is not in use.
local function configuration()
  for plugin, err in kong.db.plugins:each(1000) do
    if err then
      return kong.response.exit(500, { message = err })
    end
    if plugin.name == "acme" then
      return plugin.config
    end
  end
  return kong.response.exit(404)
end


-- "AB:CD"
local function with_colons(hex)
  return (gsub(hex, "(%x%x)", "%1:"):sub(1, -2))
end


local function describe(certkey)
  local cert = require("resty.openssl.x509").new(certkey.cert)
  local from, to, now = cert:get_not_before(), cert:get_not_after(), ngx.time()
  local digest = gsub(cert:digest(), ".", function(c)
    return ("%02X"):format(c:byte())
  end)
  return {
    digest = with_colons(digest),
    host = cert:get_subject_name():find("CN").blob,
    issuer_cn = cert:get_issuer_name():find("CN").blob,
    not_before = date("%Y-%m-%d %H:%M:%S", from),
    not_after = date("%Y-%m-%d %H:%M:%S", to),
    valid = from < now and to > now,
    serial_number = with_colons(cert:get_serial_number():to_hex()),
    pubkey_type = cert:get_pubkey():get_key_type().sn,
  }
end


-- Whether challenges would reach this gateway: true | nil, err.
local function check_reach(conf, host)
  if not handler.build_domain_matcher(conf.domains)(host) then
    return nil, "host is not included in plugin config.domains"
  end
  local path = "http://" .. host .. "/.well-known/acme-challenge/"
  local res, err = require("resty.http").new():request_uri(path .. "x")
  if not res then
    return nil, err
  end
  if find(res.body, "no Route matched with those values", 1, true) then
    return nil, path .. "* doesn't map to a Route in Kong; please refer to docs on how to create dummy Route and Service"
  end
  if res.body ~= "Not found\n" then
    local status = res.status ~= 404 and ", unexpected status code: " .. res.status or ""
    return nil, "unexpected response: \"" .. (res.body or "<nil>") .. "\"" .. status
  end
  return true
end


local function test(conf, host)
  local ok, err = check_reach(conf, host)
  if not ok then
    return kong.response.exit(400, { message = "problem found running sanity check for " .. host .. ": " .. err })
  end
  return kong.response.exit(200, { message = "sanity test for host " .. host .. " passed" })
end


local function create(self)
  local conf, host = configuration(), self.params.host
  if type(host) ~= "string" then
    return kong.response.exit(400, { message = "host must be provided and containing a single domain" })
  end
  if find(host, ":", 1, true) then
    return kong.response.exit(400, { message = "port is not allowed in host" })
  end
  local is_test = self.params.test_http_challenge_flow
  if is_test == true or is_test == "true" then
    return test(conf, host)
  end
  local _, err = client().update_certificate(conf, host)
  if err then
    return kong.response.exit(500, { message = "failed to update certificate: " .. err })
  end
  local ok
  ok, err = client().store_renew_config(conf, host)
  if not ok then
    return kong.response.exit(500, { message = "failed to store renew config: " .. err })
  end
  return kong.response.exit(201, { message = "certificate for host " .. host .. " is created" })
end


local function list(self)
  local conf, data = configuration(), {}
  local hosts, err = client().load_renew_hosts(conf)
  if not hosts then
    return kong.response.exit(500, { message = err })
  end
  for _, host in ipairs(hosts) do
    local certkey
    certkey, err = client().load_certkey(conf, host)
    if err then
      return kong.response.exit(500, { message = err })
    end
    local described = certkey and describe(certkey)
    if described and not (self.params.invalid_only and described.valid) then
      data[#data + 1] = described
    end
  end
  return kong.response.exit(200, { data = data })
end


return {
  ["/acme"] = {
    POST = create,

    PATCH = function()
      ngx.timer.at(0, handler.renew)
      return kong.response.exit(202, { message = "Renewal process started successfully" })
    end,
  },

  ["/acme/certificates"] = { GET = list },

  ["/acme/certificates/:certificates"] = {
    GET = function(self)
      local host = self.params.certificates
      local certkey, err = client().load_certkey(configuration(), host)
      if err then
        return kong.response.exit(500, { message = err })
      end
      if not certkey then
        return kong.response.exit(404, { message = "Certificate for host " .. host .. "not found in storage" })
      end
      return kong.response.exit(200, { data = describe(certkey) })
    end,
  },
}
