-- The certificate phase of a TLS handshake: finds the certificate for the name that the client asked for, then runs the
-- certificate handlers of global plugins. Called by kong.runloop; connections without a configured name keep the
-- listener's own certificate.
-- Must never cache by anything but the certificate's entity, which a new configuration replaces.
local state = require "kong.runloop.state"

local find = string.find
local gsub = string.gsub
local null = ngx.null
local sub = string.sub

-- ngx.ssl, loaded by the first handshake.
local ssl

local certificate = {}

local PHASE_CERTIFICATE = 0x2

-- Server name -> { cert, key, cert_alt, key_alt } as OpenSSL objects, or false. Bounded by SNIS_MAX.
local by_name, name_cnt = {}, 0
local SNIS_MAX = 5000
local LISTENERS_OWN = {}


function certificate.reset()
  by_name, name_cnt = {}, 0
end


local function parse_pair(cert, key)
  if not cert or cert == null or not key or key == null then
    return nil
  end
  local parsed_cert, err = ssl.parse_pem_cert(cert)
  if not parsed_cert then
    return nil, "could not parse PEM certificate: " .. tostring(err)
  end
  local parsed_key
  parsed_key, err = ssl.parse_pem_priv_key(key)
  if not parsed_key then
    return nil, "could not parse PEM private key: " .. tostring(err)
  end
  return { cert = parsed_cert, key = parsed_key }
end


local function load_certificate(sni)
  local entity = kong.db.certificates:select({ id = sni.certificate.id })
  if not entity then
    return nil
  end
  local main, err = parse_pair(entity.cert, entity.key)
  if not main then
    ngx.log(ngx.ERR, "could not use the certificate of SNI '", sni.name, "': ", err)
    return nil
  end
  main.alternative = parse_pair(entity.cert_alt, entity.key_alt)
  return main
end


-- Exact name, then the first label as a wildcard, then the last one, then the entry named "*".
local function find_sni(name)
  local snis = kong.db.snis
  local sni = snis:select_by_name(name)
  if sni then
    return sni
  end
  local _, dots = gsub(name, "%.", "")
  if dots >= 2 then
    sni = snis:select_by_name("*" .. sub(name, (find(name, ".", 1, true))))
    if sni then
      return sni
    end
  end
  if dots >= 1 then
    sni = snis:select_by_name((gsub(name, "%.[^.]*$", ".*")))
    if sni then
      return sni
    end
  end
  return snis:select_by_name("*")
end


local function certificate_for(name)
  local found = by_name[name]
  if found ~= nil then
    return found
  end
  local sni = find_sni(name)
  found = sni and load_certificate(sni) or false
  if name_cnt >= SNIS_MAX then
    certificate.reset()
  end
  by_name[name] = found
  name_cnt = name_cnt + 1
  return found
end


-- The configured certificate for a server name, or nil. For plugins that bring certificates of their own.
function certificate.find(name)
  ssl = ssl or require "ngx.ssl"
  return certificate_for(name) or nil
end


-- The configured certificate for a server name; one and the same table when there is none and the listener's own is
-- presented. Plugins compare what they get with find_certificate().
function certificate.find_certificate(name)
  return name and certificate.find(name) or LISTENERS_OWN
end


local function present(found)
  ssl.clear_certs()
  local ok, err = ssl.set_cert(found.cert)
  if ok then
    ok, err = ssl.set_priv_key(found.key)
  end
  if ok and found.alternative then
    ok, err = ssl.set_cert(found.alternative.cert)
    if ok then
      ok, err = ssl.set_priv_key(found.alternative.key)
    end
  end
  if not ok then
    ngx.log(ngx.ERR, "could not present the configured certificate: ", err)
  end
end


local function run_plugins(list)
  local ctx = ngx.ctx
  ctx.KONG_PHASE = PHASE_CERTIFICATE
  for i = 1, #list do
    local entry = list[i]
    ctx.plugin_id = entry.id
    ctx.plugin_handler = entry.handler
    ctx.KONG_LOG = entry.log_facility
    local ok, err = pcall(entry.certificate, entry.handler, entry.conf)
    if not ok then
      ngx.log(ngx.ERR, "plugin '", entry.name, "' failed in phase certificate: ", tostring(err))
      return ngx.exit(ngx.ERROR)
    end
  end
  ctx.plugin_id, ctx.plugin_handler, ctx.KONG_LOG = nil, nil, nil
end


function certificate.run()
  ssl = ssl or require "ngx.ssl"
  local name = ssl.server_name()
  if name then
    local found = certificate_for(name)
    if found then
      present(found)
    end
  end
  local list = state.iterator.globals.certificate
  if list then
    return run_plugins(list)
  end
end


return certificate
