-- Every property of kong.conf: its type and its default. Data only; kong.conf.values gives the types their meaning.
-- A default of nil means "not set". Types: string, number, boolean, option (a boolean that is nil when it is not set),
-- flag ("on"/"off" as text), list,
-- strict (a number whose misspelling is refused, because a wrong value would harm), or an array of allowed words.
local S, N, B, O, F, L, X = "string", "number", "boolean", "option", "flag", "list", "strict"

local function enum(...)
  return { ... }
end

local GROUPS = {
  general = {
    { "prefix", S, "/usr/local/kong/" },
    { "log_level", enum("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"), "notice" },
    { "proxy_access_log", S, "logs/access.log" },
    { "proxy_error_log", S, "logs/error.log" },
    { "proxy_stream_access_log", S, "logs/access.log basic" },
    { "proxy_stream_error_log", S, "logs/error.log" },
    { "admin_access_log", S, "logs/admin_access.log" },
    { "admin_error_log", S, "logs/error.log" },
    { "admin_gui_access_log", S, "logs/admin_gui_access.log" },
    { "admin_gui_error_log", S, "logs/admin_gui_error.log" },
    { "status_access_log", S, "off" },
    { "status_error_log", S, "logs/status_error.log" },
    { "vaults", L, "bundled" },
    { "plugins", L, "bundled" },
    { "pluginserver_names", L },
    { "plugin_cpu_limit", N },
    { "client_body_min_rate", N },
    { "port_maps", L },
    { "anonymous_reports", B, "on" },
    { "proxy_server", S },
    { "proxy_server_ssl_verify", B, "on" },
    { "error_template_html", S },
    { "error_template_json", S },
    { "error_template_xml", S },
    { "error_template_plain", S },
    { "node_id", S },
    { "kic", B, "off" },
  },
  hybrid = {
    { "role", enum("data_plane", "control_plane", "traditional"), "traditional" },
    { "cluster_mtls", enum("shared", "pki"), "shared" },
    { "cluster_cert", S },
    { "cluster_cert_key", S },
    { "cluster_ca_cert", S },
    { "cluster_server_name", S },
    { "cluster_control_plane", S, "127.0.0.1:8005" },
    { "cluster_listen", L, "0.0.0.0:8005" },
    { "cluster_data_plane_purge_delay", X, "1209600" },
    { "cluster_ocsp", enum("on", "off", "optional"), "off" },
    { "cluster_max_payload", X, "16777216" },
    { "cluster_use_proxy", B, "off" },
    { "cluster_dp_labels", L },
    { "cluster_rpc", B, "off" },
    { "cluster_incremental_sync", B, "off" },
    { "cluster_cjson", B, "off" },
    { "konnect_mode", O },
    { "cluster_telemetry_endpoint", S },
    { "cluster_telemetry_server_name", S },
    { "cluster_fallback_config_import", O },
    { "cluster_fallback_config_export", O },
    { "cluster_fallback_config_storage", S },
    { "cluster_fallback_config_key", S },
  },
  listeners = {
    { "proxy_listen", L, "0.0.0.0:8000 reuseport backlog=16384, 0.0.0.0:8443 http2 ssl reuseport backlog=16384" },
    { "stream_listen", L, "off" },
    { "admin_listen", L, "127.0.0.1:8001 reuseport backlog=16384, 127.0.0.1:8444 http2 ssl reuseport backlog=16384" },
    { "admin_gui_listen", L, "0.0.0.0:8002, 0.0.0.0:8445 ssl" },
    { "status_listen", L, "127.0.0.1:8007 reuseport backlog=16384" },
  },
  process = {
    { "nginx_user", S, "kong kong" },
    { "nginx_worker_processes", S, "auto" },
    { "nginx_daemon", F, "on" },
    { "mem_cache_size", S, "128m" },
    { "worker_events_max_payload", N, "65535" },
    { "dedicated_config_processing", B, "on" },
    { "worker_consistency", enum("strict", "eventual"), "eventual" },
    { "worker_state_update_frequency", X, "5" },
    { "router_flavor", enum("traditional", "traditional_compatible", "expressions"), "traditional_compatible" },
  },
  tls = {
    { "ssl_cipher_suite", S, "intermediate" },
    { "ssl_ciphers", S },
    { "ssl_protocols", S, "TLSv1.2 TLSv1.3" },
    { "ssl_prefer_server_ciphers", F, "on" },
    { "ssl_dhparam", S },
    { "ssl_session_tickets", F, "on" },
    { "ssl_session_timeout", S, "1d" },
    { "ssl_session_cache_size", S, "10m" },
    { "ssl_cert", L },
    { "ssl_cert_key", L },
    { "client_ssl", B, "off" },
    { "client_ssl_cert", S },
    { "client_ssl_cert_key", S },
    { "admin_ssl_cert", L },
    { "admin_ssl_cert_key", L },
    { "admin_gui_ssl_cert", L },
    { "admin_gui_ssl_cert_key", L },
    { "status_ssl_cert", L },
    { "status_ssl_cert_key", L },
  },
  proxying = {
    { "headers", L, "server_tokens, latency_tokens, x-kong-request-id" },
    { "headers_upstream", L, "x-kong-request-id" },
    { "trusted_ips", L },
    { "real_ip_header", S, "X-Real-IP" },
    { "real_ip_recursive", F, "off" },
    { "error_default_type", enum("application/json", "application/xml", "text/html", "text/plain"), "text/plain" },
    { "upstream_keepalive_pool_size", X, "512" },
    { "upstream_keepalive_max_requests", X, "10000" },
    { "upstream_keepalive_idle_timeout", X, "60" },
    { "allow_debug_header", B, "off" },
    { "client_body_buffer_size", S, "8k" },
    { "request_debug", B, "on" },
    { "request_debug_token", S },
  },
  injected = {
    { "nginx_main_daemon", S, "on" },
    { "nginx_main_user", S, "kong kong" },
    { "nginx_main_worker_processes", S, "auto" },
    { "nginx_main_worker_rlimit_nofile", S, "auto" },
    { "nginx_events_worker_connections", S, "auto" },
    { "nginx_events_multi_accept", S, "on" },
    { "nginx_http_charset", S, "UTF-8" },
    { "nginx_http_client_max_body_size", S, "0" },
    { "nginx_http_client_body_buffer_size", S, "8k" },
    { "nginx_http_lua_regex_match_limit", S, "100000" },
    { "nginx_http_lua_regex_cache_max_entries", S, "8192" },
    { "nginx_http_keepalive_requests", S, "10000" },
    { "nginx_proxy_real_ip_header", S, "X-Real-IP" },
    { "nginx_proxy_real_ip_recursive", S, "off" },
    { "nginx_admin_client_max_body_size", S, "10m" },
    { "nginx_admin_client_body_buffer_size", S, "10m" },
  },
  datastore = {
    { "database", enum("postgres", "cassandra", "off"), "postgres", also = { "lmdb" } },
    { "pg_host", S, "127.0.0.1" },
    { "pg_port", N, "5432" },
    { "pg_database", S, "kong" },
    { "pg_schema", S },
    { "pg_timeout", N, "5000" },
    { "pg_user", S, "kong" },
    { "pg_password", S },
    { "pg_ssl", B, "off" },
    { "pg_ssl_verify", B, "off" },
    { "pg_max_concurrent_queries", X, "0" },
    { "pg_semaphore_timeout", X, "60000" },
    { "pg_keepalive_timeout", N },
    { "pg_pool_size", N },
    { "pg_backlog", N },
    { "_debug_pg_ttl_cleanup_interval", N, "300" },
    { "pg_ro_host", S },
    { "pg_ro_port", N },
    { "pg_ro_database", S },
    { "pg_ro_schema", S },
    { "pg_ro_timeout", N },
    { "pg_ro_user", S },
    { "pg_ro_password", S },
    { "pg_ro_ssl", B },
    { "pg_ro_ssl_verify", B },
    { "pg_ro_max_concurrent_queries", N },
    { "pg_ro_semaphore_timeout", N },
    { "pg_ro_keepalive_timeout", N },
    { "pg_ro_pool_size", N },
    { "pg_ro_backlog", N },
    { "declarative_config", S },
    { "declarative_config_string", S },
    { "lmdb_environment_path", S, "dbless.lmdb" },
    { "lmdb_map_size", S, "2048m" },
    { "db_update_frequency", N, "5" },
    { "db_update_propagation", N, "0" },
    { "db_cache_ttl", N, "0" },
    { "db_cache_neg_ttl", N },
    { "db_resurrect_ttl", N, "30" },
    { "db_cache_warmup_entities", L, "services" },
  },
  dns = {
    { "dns_resolver", L },
    { "dns_hostsfile", S, "/etc/hosts" },
    { "dns_order", L, "LAST,SRV,A,CNAME" },
    { "dns_valid_ttl", N },
    { "dns_stale_ttl", N, "3600" },
    { "dns_cache_size", N, "10000" },
    { "dns_not_found_ttl", N, "30" },
    { "dns_error_ttl", N, "1" },
    { "dns_no_sync", B, "off" },
    { "new_dns_client", B, "off" },
    { "resolver_address", L },
    { "resolver_hosts_file", S, "/etc/hosts" },
    { "resolver_family", L, "A,SRV" },
    { "resolver_valid_ttl", N },
    { "resolver_stale_ttl", N, "3600" },
    { "resolver_lru_cache_size", N, "10000" },
    { "resolver_mem_cache_size", S, "5m" },
    { "resolver_error_ttl", N, "1" },
  },
  lua = {
    { "lua_max_req_headers", X, "100" },
    { "lua_max_resp_headers", X, "100" },
    { "lua_max_uri_args", X, "100" },
    { "lua_max_post_args", X, "100" },
    { "lua_ssl_trusted_certificate", L, "system" },
    { "lua_ssl_verify_depth", N, "1" },
    { "lua_ssl_protocols", S, "TLSv1.2 TLSv1.3" },
    { "lua_package_path", S, "./?.lua;./?/init.lua;" },
    { "lua_package_cpath", S },
    { "lua_socket_pool_size", N, "256" },
    { "untrusted_lua", enum("on", "off", "sandbox"), "sandbox" },
    { "untrusted_lua_sandbox_requires", L },
    { "untrusted_lua_sandbox_environment", L },
    { "openresty_path", S },
  },
  observability = {
    { "opentelemetry_tracing", L, "off" },
    { "opentelemetry_tracing_sampling_rate", N, "0.01" },
    { "tracing_instrumentations", L, "off" },
    { "tracing_sampling_rate", X, "0.01" },
  },
  manager = {
    { "admin_gui_url", L },
    { "admin_gui_path", S, "/" },
    { "admin_gui_api_url", S },
    { "wasm", B, "off" },
    { "wasm_filters_path", S },
    { "wasm_dynamic_module", S },
    { "wasm_filters", L, "bundled,user" },
  },
}

-- Names that other editions of Kong know and that task definitions written for them carry: accepted without a word.
local ACCEPTED = {
  "cluster_telemetry_listen",
  "cluster_allowed_common_names", "vitals", "analytics_flush_interval", "analytics_buffer_size_limit",
  "analytics_debug", "cluster_fallback_config_export_delay", "cluster_fallback_export_s3_config",
  "fips", "proxy_url", "enforce_rbac", "rbac_auth_header", "admin_gui_auth", "admin_gui_auth_conf",
  "admin_gui_session_conf", "portal", "audit_log", "keyring_enabled", "event_hooks_enabled", "license_path",
  "route_validation_strategy", "enforce_route_path_pattern", "debug_ssl_cert", "debug_ssl_cert_key", "host_ports",
}

-- Prefixes below which any name is taken: what follows nginx_..._ is the name of an nginx directive.
local OPEN_PREFIXES = {
  "nginx_main_", "nginx_events_", "nginx_http_", "nginx_upstream_", "nginx_proxy_", "nginx_location_",
  "nginx_status_", "nginx_admin_", "nginx_stream_", "nginx_supstream_", "nginx_sproxy_", "nginx_wasm_",
  "pluginserver_", "vault_",
}

-- An old name and the directive or property it stands for.
local ALIASES = {
  nginx_user = "nginx_main_user",
  nginx_daemon = "nginx_main_daemon",
  nginx_worker_processes = "nginx_main_worker_processes",
  real_ip_header = "nginx_proxy_real_ip_header",
  real_ip_recursive = "nginx_proxy_real_ip_recursive",
  opentelemetry_tracing = "tracing_instrumentations",
  opentelemetry_tracing_sampling_rate = "tracing_sampling_rate",
}

-- Properties that set an nginx directive for http and one for stream listeners.
local DIRECTIVES = {
  ssl_protocols = { "nginx_http_ssl_protocols", "nginx_stream_ssl_protocols" },
  ssl_prefer_server_ciphers = { "nginx_http_ssl_prefer_server_ciphers", "nginx_stream_ssl_prefer_server_ciphers" },
  ssl_dhparam = { "nginx_http_ssl_dhparam", "nginx_stream_ssl_dhparam" },
  ssl_session_tickets = { "nginx_http_ssl_session_tickets", "nginx_stream_ssl_session_tickets" },
  ssl_session_timeout = { "nginx_http_ssl_session_timeout", "nginx_stream_ssl_session_timeout" },
  lua_ssl_protocols = { "nginx_http_lua_ssl_protocols", "nginx_stream_lua_ssl_protocols" },
}

-- Never shown: they carry secrets.
local SENSITIVE = {
  pg_password = true, pg_ro_password = true, proxy_server = true, declarative_config_string = true,
  cluster_cert_key = true, ssl_cert_key = true, client_ssl_cert_key = true, admin_ssl_cert_key = true,
  admin_gui_ssl_cert_key = true, status_ssl_cert_key = true, debug_ssl_cert_key = true,
  cluster_fallback_config_key = true,
}

local by_name, names = {}, {}
for _, group in pairs(GROUPS) do
  for _, item in ipairs(group) do
    by_name[item[1]] = { name = item[1], type = item[2], default = item[3], also = item.also }
    names[#names + 1] = item[1]
  end
end
table.sort(names)

local accepted = {}
for _, name in ipairs(ACCEPTED) do
  accepted[name] = true
end

return {
  by_name = by_name,
  names = names, -- sorted
  accepted = accepted,
  open_prefixes = OPEN_PREFIXES,
  aliases = ALIASES,
  directives = DIRECTIVES,
  sensitive = SENSITIVE,
  PLACEHOLDER = "******",
}
