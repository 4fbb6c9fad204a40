-- Who this data plane is and where it connects to: node id, basic_info, URL, certificates, proxy. Certificates that are files are read at
-- every connection, so that a rotated file counts without a restart.

local cjson = require("cjson.safe")
local posix = require("kgw.posix")

local empty_object = setmetatable({}, { __jsontype = "object" })
local meta = require("kong.meta")

local SHARED_NAME = "kong_clustering"
local SENSITIVE = {
  "pg_password", "pg_ro_password", "proxy_server", "declarative_config_string", "cluster_cert_key", "ssl_cert_key", "client_ssl_cert_key", "admin_ssl_cert_key",
  "admin_gui_ssl_cert_key", "status_ssl_cert_key", "cluster_fallback_config_key",
}
local SYSTEM_BUNDLES = {
  "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
}

local identity = {}


--- A certificate or key property: PEM text as it is, else the file's content. nil, err with `name` in it.
function identity.material(value, name)
  if not value then
    return nil, name .. " is not set"
  end
  if value:find("-----BEGIN", 1, true) then
    return value
  end
  local text, err = posix.read_file(value)
  if not text then
    return nil, "failed reading the " .. name .. " file: " .. tostring(err)
  end
  return text
end


local material = identity.material


-- PEM text of the node's own certificate, or nil, err.
function identity.certificate(conf)
  return material(conf.cluster_cert, "cluster certificate")
end


-- Values that change when a certificate file does.
function identity.certificate_stamp(conf)
  return (material(conf.cluster_cert, "cluster certificate") or "") .. (material(conf.cluster_cert_key, "cluster key") or "")
end


local function system_bundle()
  for _, path in ipairs(SYSTEM_BUNDLES) do
    local text = posix.read_file(path)
    if text then
      return text
    end
  end
end


-- Everything the control plane's certificate may be signed by, as one PEM text.
local function trusted(conf, cert)
  local parts = {}
  for _, value in ipairs(conf.lua_ssl_trusted_certificate or {}) do
    if value == "system" then
      parts[#parts + 1] = system_bundle()
    else
      local text, err = material(value, "trusted certificate")
      if not text then
        return nil, err
      end
      parts[#parts + 1] = text
    end
  end
  if conf.cluster_mtls == "shared" then
    parts[#parts + 1] = cert
  elseif conf.cluster_ca_cert then
    local text, err = material(conf.cluster_ca_cert, "cluster CA certificate")
    if not text then
      return nil, err
    end
    parts[#parts + 1] = text
  end
  return table.concat(parts, "\n")
end


local function server_name(conf)
  if conf.cluster_mtls == "shared" then
    return SHARED_NAME
  end
  return conf.cluster_server_name or conf.cluster_control_plane:match("^%[?(.-)%]?:?%d*$")
end


local function proxy_of(conf)
  if not conf.cluster_use_proxy then
    return nil
  end
  local scheme, rest = conf.proxy_server:match("^(https?)://(.-)/?$")
  local user, password, address = rest:match("^([^:]*):(.*)@(.-)$")
  address = address or rest:match("@(.-)$") or rest
  local host, port = address:match("^(.-):(%d+)$")
  return { scheme = scheme, host = host or address, port = tonumber(port) or 443, user = user, password = password, verify = conf.proxy_server_ssl_verify }
end


local function path_of(conf)
  return "/v1/outlet?node_id=" .. kong.node.get_id() .. "&node_hostname=" .. kong.node.get_hostname() .. "&node_version=" .. meta.version
end


-- What link.connect wants, or nil, err.
function identity.target(conf)
  local cert, err = material(conf.cluster_cert, "cluster certificate")
  if not cert then
    return nil, err
  end
  local key
  key, err = material(conf.cluster_cert_key, "cluster certificate key")
  if not key then
    return nil, err
  end
  local ca
  ca, err = trusted(conf, cert)
  if not ca then
    return nil, err
  end
  return {
    address = conf.cluster_control_plane,
    path = path_of(conf),
    tls = { server_name = server_name(conf), cert = cert, key = key, trusted = ca, depth = conf.lua_ssl_verify_depth },
    proxy = proxy_of(conf),
    max_payload = conf.cluster_max_payload,
  }
end


function identity.uri(conf)
  return "wss://" .. conf.cluster_control_plane .. path_of(conf)
end


local function plugin_list()
  local list = {}
  for i, plugin in ipairs(require("kong.runloop.state").plugins) do
    list[i] = { name = plugin.name, version = plugin.handler.VERSION }
  end
  table.sort(list, function(a, b) return a.name:lower() < b.name:lower() end)
  return list
end


-- The effective settings without secrets; functions and internals left out.
local function process_conf(conf)
  local shown = {}
  for name, value in pairs(conf) do
    if type(name) == "string" and name:sub(1, 1) ~= "$" and type(value) ~= "function" then
      shown[name] = value
    end
  end
  for _, name in ipairs(SENSITIVE) do
    shown[name] = shown[name] ~= nil and "******" or nil
  end
  return shown
end


local function labels(conf)
  local map
  for _, label in ipairs(conf.cluster_dp_labels or {}) do
    local key, value = label:match("^([^:]*):(.*)$")
    if key then
      map = map or {}
      map[key] = value
    end
  end
  return map
end


-- The first frame: JSON text.
function identity.basic_info(conf)
  local info = { type = "basic_info", plugins = plugin_list(), process_conf = process_conf(conf), labels = labels(conf) }
  info.filters = empty_object
  local text, err = cjson.encode(info)
  if not text then
    info.process_conf = empty_object
    text = assert(cjson.encode(info), err)
  end
  return text
end


return identity
