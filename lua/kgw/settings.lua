-- Hands the configuration to the C side: every value as text under the keys that runtime/proc/conf.c reads.
-- Sizes are bytes, times milliseconds. Directives that users inject by nginx_* properties count where kgw has the same
-- notion; the others are named once in the error log.
local cgroup = require "kong.conf.cgroup"
local ffi = require "ffi"
local meta = require "kong.meta"
local values = require "kong.conf.values"

local C = ffi.C

local CLUSTER_VERIFY_DEPTH = 4  -- of chains of data planes' certificates, as Kong's listener has it

local settings = {}

-- Directives that need no word when they have no meaning here.
local SILENT = {
  daemon = true, user = true, worker_processes = true, worker_rlimit_nofile = true, worker_connections = true,
  multi_accept = true, charset = true, client_max_body_size = true, client_body_buffer_size = true,
  lua_regex_match_limit = true, lua_regex_cache_max_entries = true, keepalive_requests = true, ssl_dhparam = true,
  ssl_protocols = true, ssl_prefer_server_ciphers = true, ssl_session_tickets = true, ssl_session_timeout = true,
  real_ip_header = true, real_ip_recursive = true, lua_shared_dict = true, worker_shutdown_timeout = true,
  keepalive_timeout = true, client_header_timeout = true, client_body_timeout = true, send_timeout = true,
  large_client_header_buffers = true, client_header_buffer_size = true, set_real_ip_from = true, add_header = true,
  env = true, pcre_jit = true, ssl_ciphers = true, ssl_conf_command = true, log_format = true, access_log = true,
  lua_capture_error_log = true, proxy_pass_trailers = true,
}


local function set(key, value)
  if value ~= nil then
    value = tostring(value)
    C.kgw_ffi_boot_set(key, value, #value)
  end
end


-- Splits at every ";" outside of quotes.
local function statements(text)
  local out, quote, from = {}, nil, 1
  for at = 1, #text do
    local c = text:sub(at, at)
    if quote then
      quote = c ~= quote and quote or nil
    elseif c == "'" or c == "\"" then
      quote = c
    elseif c == ";" then
      out[#out + 1] = text:sub(from, at - 1)
      from = at + 1
    end
  end
  out[#out + 1] = text:sub(from)
  return out
end


-- A directive's value may carry more directives after ";": { {name, value}, ... } of one list of the configuration.
local function expand(list)
  local out = {}
  for _, directive in ipairs(list) do
    local name, rest = directive.name, tostring(directive.value)
    for _, part in ipairs(statements(rest)) do
      part = part:gsub("^%s+", ""):gsub("%s+$", "")
      if part ~= "" then
        local value = part
        if not name then
          name, value = part:match("^(%S+)%s*(.*)$")
        end
        out[#out + 1] = { name = name, value = value }
        name = nil
      end
    end
  end
  return out
end


-- All directives of these places; later places win for single values.
local function collect(conf, ...)
  local all, last = {}, {}
  for _, place in ipairs { ... } do
    for _, directive in ipairs(expand(conf["nginx_" .. place .. "_directives"])) do
      all[#all + 1] = directive
      last[directive.name] = directive.value
    end
  end
  return all, last
end


local function processes(conf, main, events)
  local wanted = tonumber(main.worker_processes)
  -- A database has one writer.
  local cnt = conf.database == "lmdb" and 1 or wanted and wanted >= 1 and math.floor(wanted) or cgroup.workers()
  set("workers", math.min(256, cnt))
  set("daemon", main.daemon ~= "off")
  set("worker_shutdown_timeout", values.milliseconds(main.worker_shutdown_timeout or "30s"))
  set("worker_rlimit_nofile", tonumber(main.worker_rlimit_nofile) or 0)
  set("worker_connections", tonumber(events.worker_connections) or 0)
  local user, group = (main.user or ""):match("^(%S+)%s*(%S*)")
  set("user", user or "")
  set("group", group or "")
  set("prefix", conf.prefix)
  set("start_note", require("kgw.prefix").note)
end


local function listeners(conf)
  local n = 0
  local kinds = { "proxy", "status" }
  if conf.role == "control_plane" then
    kinds = { "admin", "status", "cluster" }
  elseif conf.role == "traditional" then
    kinds = { "proxy", "admin", "status" }
  end
  for _, kind in ipairs(kinds) do
    local list = conf["$listeners"][kind]
    local http2 = false
    for _, detail in ipairs(list) do
      http2 = http2 or detail.http2
    end
    for _, detail in ipairs(list) do
      n = n + 1
      local key = "listeners." .. n .. "."
      set(key .. "kind", kind)
      set(key .. "ip", (detail.ip:gsub("^%[(.*)%]$", "%1")))
      set(key .. "port", detail.port)
      set(key .. "http2", http2 or nil)
      set(key .. "ssl", kind == "cluster" or detail.ssl or nil)
      for _, flag in ipairs { "proxy_protocol", "deferred", "reuseport", "backlog", "ipv6only", "so_keepalive" } do
        set(key .. flag, detail[flag])
      end
    end
  end
end


local function header_flags(conf)
  local on = conf.enabled_headers
  set("hdr.server", on["Server"])
  set("hdr.via", on["Via"])
  set("hdr.proxy_latency", on["X-Kong-Proxy-Latency"])
  set("hdr.response_latency", on["X-Kong-Response-Latency"])
  set("hdr.upstream_latency", on["X-Kong-Upstream-Latency"])
  set("hdr.admin_latency", on["X-Kong-Admin-Latency"])
  set("hdr.upstream_status", on["X-Kong-Upstream-Status"])
  set("hdr.request_id", on["X-Kong-Request-Id"])
  set("hdr.upstream_request_id", conf.enabled_headers_upstream["X-Kong-Request-Id"])
  set("server_tokens", meta._SERVER_TOKENS)
end


local function limits(http, proxy, admin, remark)
  local function size_of(name, key, from)
    local text = from[name]
    local bytes = text and values.size(text)
    if text and not bytes then
      remark(("%s: '%s' is not a size, the default is used"):format(name, text))
    end
    set(key, bytes)
  end
  size_of("client_max_body_size", "client_max_body_size", proxy)
  size_of("client_body_buffer_size", "client_body_buffer_size", proxy)
  size_of("client_max_body_size", "admin_client_max_body_size", admin)
  size_of("client_body_buffer_size", "admin_client_body_buffer_size", admin)
  for _, name in ipairs { "client_header_timeout", "client_body_timeout", "send_timeout", "keepalive_timeout" } do
    local text = proxy[name]
    local ms = text and values.milliseconds(text:match("^(%S+)"))
    if text and not ms then
      remark(("%s: '%s' is not a time, the default is used"):format(name, text))
    end
    set(name, ms)
  end
  set("pass_trailers", proxy.proxy_pass_trailers == "on")
  set("keepalive_requests", tonumber(proxy.keepalive_requests))
  set("charset", http.charset ~= "off" and http.charset or "")
  local count, size = (proxy.large_client_header_buffers or "4 8k"):match("^(%d+)%s+(%S+)$")
  size = size and values.size(size) or 8192
  set("max_line", size)
  set("max_field", size)
  set("max_head", (values.size(proxy.client_header_buffer_size) or 1024) + size * (tonumber(count) or 4))
  C.kgw_ffi_re_match_limit(tonumber(http.lua_regex_match_limit) or 100000)
  local kept = http.lua_capture_error_log
  local bytes = kept and values.size(kept)
  if kept and (not bytes or C.kgw_ffi_log_ring_open(bytes) ~= 0) then
    remark(("lua_capture_error_log: '%s' is not a size that can be had, nothing is captured"):format(kept))
  end
end


local function client_address(conf, all, proxy)
  set("real_ip_header", proxy.real_ip_header or "X-Real-IP")
  set("real_ip_recursive", proxy.real_ip_recursive == "on")
  local n, list = 0, {}
  for _, address in ipairs(conf.trusted_ips) do
    list[#list + 1] = address
  end
  for _, directive in ipairs(all) do
    if directive.name == "set_real_ip_from" then
      list[#list + 1] = directive.value
    end
  end
  for _, address in ipairs(list) do
    if address ~= "unix:" then
      n = n + 1
      set("trusted_ips." .. n, address)
    end
  end
  n = 0
  for _, entry in ipairs(conf.port_maps) do
    n = n + 1
    local outer, inner = entry:match("^(%d+):(%d+)$")
    set("port_maps." .. n .. ".port", inner)
    set("port_maps." .. n .. ".host_port", outer)
  end
end


-- log_format NAME [escape=...] 'text' ...: sets the format of the log when its property names it.
local function log_format(all, key, property)
  local wanted = tostring(property or ""):match("^%S+%s+(%S+)$")
  for _, directive in ipairs(wanted and all or {}) do
    local name, rest = directive.value:match("^(%S+)%s+(.*)$")
    if directive.name == "log_format" and name == wanted then
      local escape = rest:match("^escape=(%w+)")
      local pieces = {}
      for quote, text in rest:gsub("^escape=%w+%s*", ""):gmatch("(['\"])(.-)%1") do
        pieces[#pieces + 1] = quote == "" and "" or text
      end
      set(key .. ".format", #pieces > 0 and table.concat(pieces) or rest:gsub("^escape=%w+%s*", ""))
      set(key .. ".escape", escape)
    end
  end
end


-- "add_header NAME VALUE [always]"
local function added_headers(all)
  local n = 0
  for _, directive in ipairs(all) do
    if directive.name == "add_header" then
      local name, rest = directive.value:match("^(%S+)%s+(.+)$")
      if name then
        local is_always = rest:match("%s+always$") ~= nil
        local value = rest:gsub("%s+always$", ""):gsub("^[\"'](.*)[\"']$", "%1")
        n = n + 1
        set("add_headers." .. n .. ".name", name)
        set("add_headers." .. n .. ".value", value)
        set("add_headers." .. n .. ".always", is_always)
      end
    end
  end
end


local function upstream(conf)
  set("plugin_cpu_limit", conf.plugin_cpu_limit)
  set("client_body_min_rate", conf.client_body_min_rate)
  set("upstream_keepalive_pool_size", conf.upstream_keepalive_pool_size)
  set("upstream_keepalive_max_requests", conf.upstream_keepalive_max_requests)
  set("upstream_keepalive_idle_timeout", conf.upstream_keepalive_idle_timeout * 1000)
  local servers = #conf.dns_resolver > 0 and conf.dns_resolver or conf.resolver_address
  set("dns_servers", table.concat(servers, ","))
end


-- What cosockets trust: one file by its path, more of them as one text.
local function trusted(conf)
  local list = conf.lua_ssl_trusted_certificate
  set("lua_ssl_verify_depth", conf.lua_ssl_verify_depth)
  set("lua_ssl_protocols", conf.lua_ssl_protocols)
  if #list < 2 then
    set("lua_ssl_trusted_certificate", list[1])
    return
  end
  local texts = {}
  for i, value in ipairs(list) do
    local file = not value:find("-----BEGIN", 1, true) and io.open(value)
    texts[i] = value
    if file then
      texts[i] = file:read("*a")
      file:close()
    end
  end
  set("lua_ssl_trusted_certificate", table.concat(texts, "\n"))
end


local function tls(conf, http)
  set("ssl.protocols", conf.nginx_http_ssl_protocols)
  set("ssl.ciphers", conf.ssl_ciphers)
  set("ssl.prefer_server_ciphers", conf.nginx_http_ssl_prefer_server_ciphers == "on")
  set("ssl.session_tickets", (http.ssl_session_tickets or "on") == "on")
  set("ssl.session_timeout", math.floor((values.milliseconds(http.ssl_session_timeout or "1d") or 86400000) / 1000))
  if conf.role == "control_plane" then
    set("ssl_cluster.client_ca", conf.cluster_mtls == "pki" and conf.cluster_ca_cert or conf.cluster_cert)
    set("ssl_cluster.client_verify_depth", CLUSTER_VERIFY_DEPTH)
  end
end


local function unused(conf, remark)
  for _, place in ipairs { "main", "events", "http", "proxy", "location", "upstream", "admin", "status" } do
    for _, directive in ipairs(expand(conf["nginx_" .. place .. "_directives"])) do
      if not SILENT[directive.name] then
        remark(("the injected directive '%s' (nginx_%s_%s) has no meaning here and is not used")
          :format(directive.name, place, directive.name))
      end
    end
  end
end


--- Certificates of the listeners. material: what -> list of {cert =, key =} (paths or PEM).
function settings.set_certificates(material)
  for what, list in pairs(material) do
    for i, pair in ipairs(list) do
      set(("%s.certs.%d"):format(what, i), pair.cert)
      set(("%s.keys.%d"):format(what, i), pair.key)
    end
  end
end


--- Sets everything but certificates. logs: access, admin_access, status_access, temp (folder of spilled bodies).
-- remark(text) is called for what is set but not used.
function settings.apply(conf, logs, remark)
  C.kgw_ffi_boot_clear()
  local _, main = collect(conf, "main")
  local _, events = collect(conf, "events")
  local all, proxy = collect(conf, "http", "proxy", "location")
  local _, http = collect(conf, "http")
  local _, admin = collect(conf, "http", "admin")
  processes(conf, main, events)
  listeners(conf)
  header_flags(conf)
  limits(http, proxy, admin, remark)
  client_address(conf, all, proxy)
  added_headers(all)
  upstream(conf)
  trusted(conf)
  tls(conf, http)
  set("access_log", logs.access or "off")
  set("admin_access_log", logs.admin_access or "off")
  set("status_access_log", logs.status_access or "off")
  log_format(all, "access_log", conf.proxy_access_log)
  log_format(all, "admin_access_log", conf.admin_access_log)
  log_format(all, "status_access_log", conf.status_access_log)
  set("body_temp_path", logs.temp)
  unused(conf, remark)
end


--- Shared dictionaries that the configuration declares: { {name, bytes}, ... }.
function settings.dictionaries(conf)
  local out = {}
  for _, directive in ipairs(expand(conf.nginx_http_directives)) do
    if directive.name == "lua_shared_dict" then
      local name, size = directive.value:match("^(%S+)%s+(%S+)$")
      if name then
        out[#out + 1] = { name, values.size(size) or 1024 * 1024 }
      end
    end
  end
  return out
end


return settings
