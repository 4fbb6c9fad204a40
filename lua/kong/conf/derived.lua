-- What follows from the properties once they are checked: paths below the prefix, listeners, header switches,
-- the sets of plugins and vaults, the injected nginx directives by place.
local listeners = require "kong.conf.listeners"
local posix = require "kgw.posix"

local BUNDLED_PLUGINS = {
  "acl", "acme", "ai-prompt-decorator", "ai-prompt-guard", "ai-prompt-template", "ai-proxy", "ai-request-transformer",
  "ai-response-transformer", "aws-lambda", "azure-functions", "basic-auth", "bot-detection", "correlation-id", "cors",
  "datadog", "file-log", "grpc-gateway", "grpc-web", "hmac-auth", "http-log", "ip-restriction", "jwt", "key-auth",
  "ldap-auth", "loggly", "oauth2", "opentelemetry", "post-function", "pre-function", "prometheus", "proxy-cache",
  "rate-limiting", "redirect", "request-size-limiting", "request-termination", "request-transformer",
  "response-ratelimiting", "response-transformer", "session", "standard-webhooks", "statsd", "syslog", "tcp-log",
  "udp-log", "zipkin",
}

local PATHS = {
  nginx_pid = "pids/nginx.pid", nginx_err_logs = "logs/error.log", nginx_acc_logs = "logs/access.log",
  admin_acc_logs = "logs/admin_access.log", nginx_conf = "nginx.conf", nginx_kong_conf = "nginx-kong.conf",
  nginx_kong_gui_include_conf = "nginx-kong-gui-include.conf", nginx_kong_stream_conf = "nginx-kong-stream.conf",
  nginx_inject_conf = "nginx-inject.conf", nginx_kong_inject_conf = "nginx-kong-inject.conf",
  nginx_kong_stream_inject_conf = "nginx-kong-stream-inject.conf", kong_env = ".kong_env",
  kong_process_secrets = ".kong_process_secrets", ssl_cert_csr_default = "ssl/kong-default.csr",
  client_ssl_cert_default = "ssl/kong-default.crt", client_ssl_cert_key_default = "ssl/kong-default.key",
  lua_ssl_trusted_certificate_combined = ".ca_combined", socket_path = "sockets",
}

local SOCKETS = {
  worker_events_sock = "we", stream_worker_events_sock = "sw", stream_rpc_sock = "rp", stream_config_sock = "sc",
  stream_tls_passthrough_sock = "sp", stream_tls_terminate_sock = "st", cluster_proxy_ssl_terminator_sock = "cp",
}

-- Where a directive's name begins, longest prefixes first, and the list it is shown in.
local PLACES = {
  { "nginx_wasm_wasmtime_", "nginx_wasm_wasmtime_directives" }, { "nginx_wasm_v8_", "nginx_wasm_v8_directives" },
  { "nginx_wasm_wasmer_", "nginx_wasm_wasmer_directives" }, { "nginx_wasm_shm_kv_", "nginx_wasm_main_shm_kv_directives" },
  { "nginx_wasm_", "nginx_wasm_main_directives" }, { "nginx_main_", "nginx_main_directives" },
  { "nginx_events_", "nginx_events_directives" }, { "nginx_http_", "nginx_http_directives" },
  { "nginx_upstream_", "nginx_upstream_directives" }, { "nginx_proxy_", "nginx_proxy_directives" },
  { "nginx_location_", "nginx_location_directives" }, { "nginx_status_", "nginx_status_directives" },
  { "nginx_admin_", "nginx_admin_directives" }, { "nginx_stream_", "nginx_stream_directives" },
  { "nginx_supstream_", "nginx_supstream_directives" }, { "nginx_sproxy_", "nginx_sproxy_directives" },
}

local HEADERS = {
  ["via"] = "Via", ["server"] = "Server", ["x-kong-proxy-latency"] = "X-Kong-Proxy-Latency",
  ["x-kong-response-latency"] = "X-Kong-Response-Latency", ["x-kong-admin-latency"] = "X-Kong-Admin-Latency",
  ["x-kong-upstream-latency"] = "X-Kong-Upstream-Latency", ["x-kong-upstream-status"] = "X-Kong-Upstream-Status",
  ["x-kong-request-id"] = "X-Kong-Request-Id", server_tokens = "server_tokens", latency_tokens = "latency_tokens",
}
local TOKEN_GROUPS = {
  server_tokens = { "Via", "Server" },
  latency_tokens = { "X-Kong-Proxy-Latency", "X-Kong-Response-Latency", "X-Kong-Admin-Latency", "X-Kong-Upstream-Latency" },
}


local function paths(conf)
  conf.prefix = posix.absolute(conf.prefix)
  for name, path in pairs(PATHS) do
    conf[name] = conf.prefix .. "/" .. path
  end
  for name, socket in pairs(SOCKETS) do
    conf[name] = socket
  end
  for _, kind in ipairs { "", "admin_", "admin_gui_", "status_" } do
    local file = conf.prefix .. "/ssl/" .. kind:gsub("_", "-") .. "kong-default"
    conf[kind .. "ssl_cert_default"] = file .. ".crt"
    conf[kind .. "ssl_cert_key_default"] = file .. ".key"
    conf[kind .. "ssl_cert_default_ecdsa"] = file .. "-ecdsa.crt"
    conf[kind .. "ssl_cert_key_default_ecdsa"] = file .. "-ecdsa.key"
  end
  conf.lmdb_validation_tag = "3.9"
end


local function absolute_material(conf)
  for _, name in ipairs {
    "ssl_cert", "ssl_cert_key", "admin_ssl_cert", "admin_ssl_cert_key", "admin_gui_ssl_cert", "admin_gui_ssl_cert_key",
    "status_ssl_cert", "status_ssl_cert_key",
  } do
    for i, value in ipairs(conf[name]) do
      conf[name][i] = posix.exists(value) and posix.absolute(value) or value
    end
  end
  for _, name in ipairs { "client_ssl_cert", "client_ssl_cert_key", "cluster_cert", "cluster_cert_key", "cluster_ca_cert", "declarative_config" } do
    local value = conf[name]
    conf[name] = value and posix.exists(value) and posix.absolute(value) or value
  end
end


-- The bundled plugins that this installation holds.
local function installed_plugins()
  local out, root = {}, rawget(_G, "KGW_ROOT")
  for _, name in ipairs(BUNDLED_PLUGINS) do
    if not root or posix.exists(root .. "/plugins/" .. name .. "/handler.lua") then
      out[#out + 1] = name
    end
  end
  return out
end


-- { "bundled", "x" } -> a set of names; "off" at the start means none.
local function name_set(list, bundled)
  local out = {}
  if #list == 0 or list[1] == "off" then
    return out
  end
  for _, name in ipairs(list) do
    if name == "bundled" then
      for _, each in ipairs(bundled) do
        out[each] = true
      end
    elseif name ~= "off" and name ~= "" then
      out[name] = true
    end
  end
  return out
end


local function header_switches(list, known)
  local out = {}
  for _, name in pairs(known) do
    out[name] = false
  end
  if #list == 0 or list[1] == "off" then
    return out
  end
  for _, token in ipairs(list) do
    local name = known[token:lower()]
    if name then
      out[name] = true
    end
  end
  for group, members in pairs(TOKEN_GROUPS) do
    for _, name in ipairs(out[group] and members or {}) do
      out[name] = true
    end
  end
  return out
end


local function directives(conf)
  local taken = {}
  for _, place in ipairs(PLACES) do
    conf[place[2]] = {}
    taken[place[2]] = true
  end
  local names = {}
  for name in pairs(conf) do
    if name:sub(1, 6) == "nginx_" and not taken[name] then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    for _, place in ipairs(PLACES) do
      if name:sub(1, #place[1]) == place[1] then
        local directive = name:sub(#place[1] + 1)
        if conf[name] ~= "NONE" and directive ~= "lua_ssl_protocols" then
          local list = conf[place[2]]
          list[#list + 1] = { name = directive, value = conf[name] }
        end
        break
      end
    end
  end
end


-- The prometheus plugin's dictionary exists whenever the plugin may run.
local function plugin_dictionaries(conf)
  if not conf.loaded_plugins.prometheus then
    return
  end
  for place, name in pairs { nginx_http_directives = "prometheus_metrics", nginx_stream_directives = "stream_prometheus_metrics" } do
    local found
    for _, directive in ipairs(conf[place]) do
      found = found or (directive.name == "lua_shared_dict" and tostring(directive.value):find(name, 1, true))
    end
    if not found then
      table.insert(conf[place], { name = "lua_shared_dict", value = name .. " 5m" })
    end
  end
end


local function has_ssl(details)
  for _, detail in ipairs(details) do
    if detail.ssl then
      return true
    end
  end
  return false
end


-- Returns nil or an error text.
local function all_listeners(conf)
  local details = {}
  for _, item in ipairs {
    { "proxy", "http", "proxy_ssl_enabled" }, { "stream", "stream", "stream_proxy_ssl_enabled" },
    { "admin", "http", "admin_ssl_enabled" }, { "admin_gui", "http", "admin_gui_ssl_enabled" },
    { "status", "http", "status_ssl_enabled" }, { "cluster", "http" },
  } do
    local kind, subsystem, flag = item[1], item[2], item[3]
    local list, detail = listeners.parse(kind .. "_listen", conf[kind .. "_listen"], subsystem)
    if not list then
      return detail
    end
    conf[kind .. "_listeners"], details[kind] = list, detail
    if flag then
      conf[flag] = has_ssl(detail)
    end
  end
  conf["$listeners"] = details
end


local function plugin_servers(conf)
  conf.pluginservers = {}
  for i, name in ipairs(conf.pluginserver_names) do
    name = name:lower()
    local key = "pluginserver_" .. name:gsub("-", "_")
    local program = "/usr/local/bin/" .. name
    program = posix.exists(program) and program or nil
    local query = conf[key .. "_query_cmd"] or (program and program .. " -dump")
    if not query then
      return "query_command undefined for pluginserver " .. name
    end
    conf.pluginservers[i] = {
      name = name, socket = conf[key .. "_socket"] or conf.prefix .. "/" .. name .. ".socket",
      start_command = conf[key .. "_start_cmd"] or program, query_command = query,
    }
  end
end


local function cluster(conf)
  if conf.cluster_use_proxy then
    local scheme, authority = conf.proxy_server:match("^(%a+)://([^/]+)")
    local host = authority:gsub("^.*@", "")
    conf.cluster_ssl_tunnel = scheme == "https" and (host:find(":%d+$") and host or host .. ":443") or nil
  end
  if conf.cluster_incremental_sync and not conf.cluster_rpc then
    conf.cluster_incremental_sync = false
  end
  if #conf.admin_gui_url > 0 then
    conf.admin_gui_origin = {}
    for i, url in ipairs(conf.admin_gui_url) do
      conf.admin_gui_origin[i] = url:match("^%a+://[^/]+")
    end
  end
end


--- Adds everything to conf. nil, or an error text.
local function add(conf)
  paths(conf)
  absolute_material(conf)
  conf.loaded_plugins = name_set(conf.plugins, installed_plugins())
  directives(conf)
  plugin_dictionaries(conf)
  local err = all_listeners(conf)
  if err then
    return err
  end
  conf.enabled_headers = header_switches(conf.headers, HEADERS)
  conf.enabled_headers_upstream = header_switches(conf.headers_upstream, { ["x-kong-request-id"] = "X-Kong-Request-Id" })
  cluster(conf)
  return plugin_servers(conf)
end


return { add = add, name_set = name_set, bundled_plugins = BUNDLED_PLUGINS }
