-- What makes a configuration wrong beyond the types of its properties. Every check names the property; none prints.
local certs = require "kong.db.certs"
local crypto = require "kong.db.crypto"
local ffi = require "ffi"
local posix = require "kgw.posix"
local properties = require "kong.conf.properties"
local strip = require("kong.conf.file").strip

local fmt = string.format
local floor = math.floor

ffi.cdef [[
int EVP_DecodeBlock(unsigned char *t, const unsigned char *f, int n);
int inet_pton(int family, const char *text, void *out);
]]

local CHECK_ADDRESS = "%s must be a comma separated list in the form of IPv4/6 or IPv4/6:port, got '%s'"
local TRACING_TYPES = {
  all = true, off = true, request = true, db_query = true, dns_query = true, router = true, http_client = true,
  balancer = true, plugin_rewrite = true, plugin_access = true, plugin_header_filter = true,
}
local HEADER_TOKENS = {
  server_tokens = true, latency_tokens = true, off = true, via = true, server = true, ["x-kong-proxy-latency"] = true,
  ["x-kong-response-latency"] = true, ["x-kong-admin-latency"] = true, ["x-kong-upstream-latency"] = true,
  ["x-kong-upstream-status"] = true, ["x-kong-request-id"] = true,
}
local UPSTREAM_HEADER_TOKENS = { off = true, ["x-kong-request-id"] = true }

local checks = {}


--- Decodes base64 that holds PEM text; anything else comes back as it is.
function checks.decode_pem(value)
  if value:find("-----BEGIN", 1, true) then
    return value
  end
  local packed = value:gsub("%s", "")
  if #packed == 0 or #packed % 4 ~= 0 or packed:find("[^%w+/=]") then
    return value
  end
  local out = ffi.new("unsigned char[?]", #packed)
  local n = crypto.lib.EVP_DecodeBlock(out, packed, #packed)
  local text = n > 0 and ffi.string(out, n) or ""
  return text:find("-----BEGIN", 1, true) and text:gsub("%z+$", "") or value
end


-- A file's name, PEM text or base64 of it. Returns the PEM text or file name, and whether it is fit.
local function read_material(value, check)
  if posix.exists(value) then
    return value, true
  end
  local text = checks.decode_pem(value)
  return text, check(text) == true
end


local function is_ipv4(text)
  local a, b, c, d = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  return a and tonumber(a) < 256 and tonumber(b) < 256 and tonumber(c) < 256 and tonumber(d) < 256
end


local function is_ipv6(text)
  text = text:match("^%[(.*)%]$") or text
  if not text:match("^[%x:%.]+$") or not text:find(":", 1, true) then
    return false
  end
  local sockaddr = ffi.new("unsigned char[16]")
  return ffi.C.inet_pton(10, text, sockaddr) == 1
end

local function is_ip_or_cidr(text)
  local ip, bits = text:match("^(.-)/(%d+)$")
  ip = ip or text
  if is_ipv4(ip) then
    return not bits or tonumber(bits) <= 32
  end
  return is_ipv6(ip) and (not bits or tonumber(bits) <= 128)
end


local function is_ip_with_port(text)
  if is_ipv6(text) then
    return true
  end
  local host, port = text:match("^(.-):(%d+)$")
  host = host or text
  return (is_ipv4(host) or is_ipv6(host)) and (not port or tonumber(port) < 65536)
end


local function port_maps(conf, add)
  conf.host_ports = {}
  for _, entry in ipairs(conf.port_maps) do
    local outer, inner = entry:match("^(%d+):(%d+)$")
    local from, to = tonumber(outer), tonumber(inner)
    if from and to and from >= 1 and from <= 65535 and to >= 1 and to <= 65535 then
      conf.host_ports[to] = from
      conf.host_ports[inner] = from
    else
      add(fmt("invalid port mapping (`port_maps`): %s", entry))
    end
  end
end


local function has_ssl(list)
  for _, entry in ipairs(list) do
    if (entry .. " "):find("%sssl%s") then
      return true
    end
  end
end


local function certificate_lists(conf, add)
  for _, kind in ipairs { "proxy_", "admin_", "admin_gui_", "status_" } do
    local uses = has_ssl(conf[kind .. "listen"]) or (kind == "proxy_" and has_ssl(conf.stream_listen))
    local prefix = kind == "proxy_" and "" or kind
    local list, keys = conf[prefix .. "ssl_cert"], conf[prefix .. "ssl_cert_key"]
    if uses then
      if #list > 0 and #keys == 0 then
        add(prefix .. "ssl_cert_key must be specified")
      elseif #keys > 0 and #list == 0 then
        add(prefix .. "ssl_cert must be specified")
      elseif #list ~= #keys then
        add(fmt("%sssl_cert was specified %d times while %sssl_cert_key was specified %d times", prefix, #list, prefix, #keys))
      end
      for i, value in ipairs(list) do
        local fit
        list[i], fit = read_material(value, certs.check_certificate)
        if not fit then
          add(fmt("%sssl_cert: failed loading certificate from %s", prefix, value))
        end
      end
      for i, value in ipairs(keys) do
        local fit
        keys[i], fit = read_material(value, certs.check_key)
        if not fit then
          add(fmt("%sssl_cert_key: failed loading key from %s", prefix, value))
        end
      end
    end
  end
end


local function single_material(conf, add, name, what)
  local value = conf[name]
  if value then
    local fit
    conf[name], fit = read_material(value, what == "key" and certs.check_key or certs.check_certificate)
    if not fit then
      add(fmt("%s: failed loading %s from %s", name, what, what == "key" and "what was given" or value))
    end
  end
end


local function client_certificate(conf, add)
  if not conf.client_ssl then
    return
  end
  if conf.client_ssl_cert and not conf.client_ssl_cert_key then
    add("client_ssl_cert_key must be specified")
  elseif conf.client_ssl_cert_key and not conf.client_ssl_cert then
    add("client_ssl_cert must be specified")
  end
  single_material(conf, add, "client_ssl_cert", "certificate")
  single_material(conf, add, "client_ssl_cert_key", "key")
end


local SYSTEM_BUNDLES = {
  "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
}


local function trusted_certificates(conf, add)
  local out = {}
  for _, value in ipairs(conf.lua_ssl_trusted_certificate) do
    if value == "system" then
      for _, path in ipairs(SYSTEM_BUNDLES) do
        if posix.exists(path) then
          out[#out + 1] = path
          break
        end
      end
    else
      local text, fit = read_material(value, certs.check_certificate)
      if not fit then
        add("lua_ssl_trusted_certificate: failed loading certificate from " .. value)
      end
      out[#out + 1] = text
    end
  end
  conf.lua_ssl_trusted_certificate = out
end


local function manager_path(conf, add)
  local path = conf.admin_gui_path
  if not path then
    return
  end
  if path:sub(1, 1) ~= "/" then
    add("admin_gui_path must start with a slash ('/')")
  end
  if path:find("^/.+/$") then
    add("admin_gui_path must not end with a slash ('/')")
  end
  if path:find("[^%w%-_/]") then
    add("admin_gui_path can only contain letters, digits, hyphens ('-'), underscores ('_'), and slashes ('/')")
  end
  if path:find("//", 1, true) then
    add("admin_gui_path must not contain continuous slashes ('/')")
  end
end


local function tokens(conf, add)
  for _, token in ipairs(conf.headers) do
    if not HEADER_TOKENS[token:lower()] then
      add(fmt("headers: invalid entry '%s'", token))
    end
  end
  for _, token in ipairs(conf.headers_upstream) do
    if not UPSTREAM_HEADER_TOKENS[token:lower()] then
      add(fmt("headers_upstream: invalid entry '%s'", token))
    end
  end
end


local function addresses(conf, add, name)
  for _, server in ipairs(conf[name]) do
    if not is_ip_with_port(server) then
      add(fmt(CHECK_ADDRESS, name, server))
    end
  end
end


local function members(conf, add, name, allowed)
  for _, item in ipairs(conf[name]) do
    if not allowed[item:upper()] then
      add(fmt("%s: invalid entry '%s'", name, item))
    end
  end
end


-- A container may lack the file that is the default.
local function hosts_file(conf, add, name)
  local path = conf[name]
  if path and path ~= properties.by_name[name].default and (not posix.exists(path) or posix.is_dir(path)) then
    add(name .. ": file does not exist")
  end
end


local function dns(conf, add)
  addresses(conf, add, "dns_resolver")
  hosts_file(conf, add, "dns_hostsfile")
  members(conf, add, "dns_order", { LAST = true, A = true, AAAA = true, CNAME = true, SRV = true })
  addresses(conf, add, "resolver_address")
  hosts_file(conf, add, "resolver_hosts_file")
  members(conf, add, "resolver_family", { A = true, AAAA = true, SRV = true })
end


local function trusted_ips(conf, add)
  for _, address in ipairs(conf.trusted_ips) do
    if address ~= "unix:" and not is_ip_or_cidr(address) then
      add(fmt("trusted_ips must be a comma separated list in the form of IPv4 or IPv6 address or CIDR block or 'unix:', got '%s'",
              address))
    end
  end
end


local function whole_numbers(conf, add)
  for _, name in ipairs {
    "pg_max_concurrent_queries", "pg_semaphore_timeout", "pg_keepalive_timeout", "pg_pool_size", "pg_backlog",
    "pg_ro_max_concurrent_queries", "pg_ro_semaphore_timeout", "pg_ro_keepalive_timeout", "pg_ro_pool_size", "pg_ro_backlog",
  } do
    local value = conf[name]
    if value and value < 0 then
      add(name .. " must be greater than 0")
    end
    if value and value ~= floor(value) then
      add(name .. " must be an integer greater than 0")
    end
  end
end


local function proxy_server(conf, add)
  local url = conf.proxy_server
  if not url then
    return
  end
  local scheme, rest = url:match("^(%a[%w+.-]*)://(.*)$")
  if not scheme then
    add("proxy_server missing scheme")
  elseif scheme ~= "http" and scheme ~= "https" then
    add(fmt("proxy_server only supports \"http\" and \"https\", got %s", scheme))
  else
    local authority = rest:match("^([^/?#]*)")
    local host = authority:gsub("^.*@", ""):gsub(":%d*$", "")
    if host == "" then
      add("proxy_server missing host")
    elseif rest:find("[?#]") then
      add("fragments, query strings or parameters are meaningless in proxy configuration")
    end
  end
end


local function is_off(list)
  return #list < 1 or strip(list[1]) == "off"
end


local function cluster_material(conf, add)
  if not conf.cluster_cert or not conf.cluster_cert_key then
    add("cluster certificate and key must be provided to use Hybrid mode")
    return
  end
  single_material(conf, add, "cluster_cert", "certificate")
  single_material(conf, add, "cluster_cert_key", "key")
end


local function label_part(text)
  if text == "" or #text > 63 then
    return fmt("%s must have between 1 and 63 characters", text)
  end
  if not text:find("^[%l%d][%w_%.:-]*$") or not text:find("[%l%d]$") then
    return fmt("%s is invalid. Must match pattern: [a-z0-9]([\\w\\.:-]*[a-z0-9]|)$", text)
  end
end


local function labels(conf, add)
  if #conf.cluster_dp_labels > 10 then
    return add("labels validation failed: count exceeded 10 max elements")
  end
  for _, label in ipairs(conf.cluster_dp_labels) do
    local key, value = label:match("^([^:]*):(.*)$")
    local err = label_part(key or "")
    for _, reserved in ipairs { "kong", "konnect", "insomnia", "mesh", "kic" } do
      if not err and key:sub(1, #reserved) == reserved then
        err = fmt("%s is invalid. It starts with a reserved word (%s)", key, reserved)
      end
    end
    if err then
      return add("label key validation failed: " .. err)
    end
    err = label_part(value)
    if err then
      return add("label value validation failed: " .. err)
    end
  end
end


local function control_plane(conf, add)
  if is_off(conf.admin_listen) then
    add("admin_listen must be specified when role = \"control_plane\"")
  end
  if conf.cluster_mtls == "pki" and not conf.cluster_ca_cert then
    add("cluster_ca_cert must be specified when cluster_mtls = \"pki\"")
  end
  if is_off(conf.cluster_listen) then
    add("cluster_listen must be specified when role = \"control_plane\"")
  end
  if conf.database == "off" then
    add("in-memory storage can not be used when role = \"control_plane\"")
  end
  if conf.cluster_use_proxy then
    add("cluster_use_proxy can not be used when role = \"control_plane\"")
  end
  if #conf.cluster_dp_labels > 0 then
    add("cluster_dp_labels can not be used when role = \"control_plane\"")
  end
end


local function data_plane(conf, add)
  if is_off(conf.proxy_listen) then
    add("proxy_listen must be specified when role = \"data_plane\"")
  end
  if conf.database ~= "off" then
    add("only in-memory storage can be used when role = \"data_plane\"\nHint: set database = off in your kong.conf")
  end
  local trusted = conf.lua_ssl_trusted_certificate
  trusted[#trusted + 1] = conf.cluster_mtls == "shared" and conf.cluster_cert or conf.cluster_ca_cert
  if conf.cluster_use_proxy and not conf.proxy_server then
    add("cluster_use_proxy is turned on but no proxy_server is configured")
  end
  labels(conf, add)
end


local function roles(conf, add)
  if conf.role ~= "control_plane" and conf.role ~= "data_plane" then
    if #conf.cluster_dp_labels > 0 then
      add("cluster_dp_labels can only be used when role = \"data_plane\"")
    end
    return
  end
  cluster_material(conf, add)
  single_material(conf, add, "cluster_ca_cert", "certificate")
  if conf.role == "control_plane" then
    control_plane(conf, add)
  else
    data_plane(conf, add)
  end
end


local function limits(conf, add)
  if conf.cluster_data_plane_purge_delay < 60 then
    add("cluster_data_plane_purge_delay must be 60 or greater")
  end
  if conf.cluster_max_payload < 4194304 then
    add("cluster_max_payload must be 4194304 (4MB) or greater")
  end
  for _, name in ipairs { "upstream_keepalive_pool_size", "upstream_keepalive_max_requests", "upstream_keepalive_idle_timeout" } do
    if conf[name] < 0 then
      add(name .. " must be 0 or greater")
    end
  end
  for _, name in ipairs { "lua_max_req_headers", "lua_max_resp_headers", "lua_max_uri_args", "lua_max_post_args" } do
    local n = conf[name]
    if n < 1 or n > 1000 or n ~= floor(n) then
      add(name .. " must be an integer between 1 and 1000")
    end
  end
end


local function tracing(conf, add)
  local list = conf.tracing_instrumentations
  if #list == 0 then
    return
  end
  local has_off
  for _, kind in ipairs(list) do
    has_off = has_off or kind == "off"
    if not TRACING_TYPES[kind] then
      add("invalid tracing type: " .. kind)
    end
  end
  if has_off and #list > 1 then
    add("invalid tracing types: off, other types are mutually exclusive")
  end
  if conf.tracing_sampling_rate < 0 or conf.tracing_sampling_rate > 1 then
    add("tracing_sampling_rate must be between 0 and 1")
  end
end


local function others(conf, add)
  if conf.worker_state_update_frequency <= 0 then
    add("worker_state_update_frequency must be greater than 0")
  end
  local hex = "%x"
  local uuid = "^" .. hex:rep(8) .. "%-" .. (hex:rep(4) .. "%-"):rep(3) .. hex:rep(12) .. "$"
  if conf.node_id and not conf.node_id:match(uuid) then
    add("node_id must be a valid UUID")
  end
  if conf.database == "cassandra" then
    add("Cassandra as a datastore for Kong is not supported in versions 3.4 and above. Please use Postgres.")
  end
  if conf.wasm and conf.wasm_filters_path and not posix.is_dir(conf.wasm_filters_path) then
    add(fmt("wasm_filters_path '%s' is not a valid directory", conf.wasm_filters_path))
  end
  for _, url in ipairs(conf.admin_gui_url) do
    if not url:match("^https?://[^/]+") then
      add(fmt("admin_gui_url must be a list of http or https URLs, got '%s'", url))
    end
  end
end


--- Runs all checks; add(text) is called for each thing that is wrong, in a fixed order. Certificates given as base64
-- become PEM text in conf, lua_ssl_trusted_certificate becomes a list of files and PEM texts, host_ports is added.
function checks.run(conf, add)
  trusted_certificates(conf, add)
  port_maps(conf, add)
  certificate_lists(conf, add)
  client_certificate(conf, add)
  manager_path(conf, add)
  tokens(conf, add)
  dns(conf, add)
  trusted_ips(conf, add)
  whole_numbers(conf, add)
  proxy_server(conf, add)
  roles(conf, add)
  limits(conf, add)
  tracing(conf, add)
  others(conf, add)
end


return checks
