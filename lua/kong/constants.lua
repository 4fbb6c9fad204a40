-- Constants shared by the gateway's Lua code and by custom plugins.
-- Used everywhere; names and values are part of the plugin API. Must never hold state.
local BUNDLED_PLUGINS = {
  "jwt", "acl", "correlation-id", "cors", "oauth2", "tcp-log", "udp-log", "file-log", "http-log", "key-auth",
  "hmac-auth", "basic-auth", "ip-restriction", "request-transformer", "response-transformer",
  "request-size-limiting", "rate-limiting", "response-ratelimiting", "syslog", "loggly", "datadog", "ldap-auth",
  "statsd", "bot-detection", "aws-lambda", "request-termination", "prometheus", "proxy-cache", "session", "acme",
  "grpc-gateway", "grpc-web", "pre-function", "post-function", "azure-functions", "zipkin", "opentelemetry",
  "ai-proxy", "ai-prompt-decorator", "ai-prompt-template", "ai-prompt-guard", "ai-request-transformer",
  "ai-response-transformer", "standard-webhooks", "redirect",
}

-- Which of the two caches holds entities of a kind; any other kind is in "cache".
local ENTITY_CACHE_STORE = {
  certificates = "core_cache", services = "core_cache", routes = "core_cache", snis = "core_cache",
  upstreams = "core_cache", targets = "core_cache", plugins = "core_cache", ca_certificates = "core_cache",
  vaults = "core_cache", key_sets = "core_cache", keys = "core_cache",
}


local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do
    set[name] = true
  end
  return set
end


-- An array that also answers list[member] with true.
local function array_and_set(list)
  for i = 1, #list do
    list[list[i]] = true
  end
  return list
end


local function log_levels()
  local levels = {}
  for i, name in ipairs { "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug" } do
    levels[name] = i
    levels[i] = name
  end
  return levels
end


local constants = {
  CJSON_MAX_PRECISION = 16,
  BUNDLED_PLUGINS = set_of(BUNDLED_PLUGINS),
  DEPRECATED_PLUGINS = {},
  BUNDLED_VAULTS = { env = true },
  DEPRECATED_VAULTS = {},

  HEADERS = {
    HOST_OVERRIDE = "X-Host-Override",
    PROXY_LATENCY = "X-Kong-Proxy-Latency",
    RESPONSE_LATENCY = "X-Kong-Response-Latency",
    ADMIN_LATENCY = "X-Kong-Admin-Latency",
    UPSTREAM_LATENCY = "X-Kong-Upstream-Latency",
    UPSTREAM_STATUS = "X-Kong-Upstream-Status",
    CONSUMER_ID = "X-Consumer-ID",
    CONSUMER_CUSTOM_ID = "X-Consumer-Custom-ID",
    CONSUMER_USERNAME = "X-Consumer-Username",
    CREDENTIAL_IDENTIFIER = "X-Credential-Identifier",
    RATELIMIT_LIMIT = "X-RateLimit-Limit",
    RATELIMIT_REMAINING = "X-RateLimit-Remaining",
    CONSUMER_GROUPS = "X-Consumer-Groups",
    AUTHENTICATED_GROUPS = "X-Authenticated-Groups",
    FORWARDED_HOST = "X-Forwarded-Host",
    FORWARDED_PATH = "X-Forwarded-Path",
    FORWARDED_PREFIX = "X-Forwarded-Prefix",
    ANONYMOUS = "X-Anonymous-Consumer",
    REQUEST_ID = "X-Kong-Request-Id",
    VIA = "Via",
    SERVER = "Server",
  },

  -- Parents come before their children.
  CORE_ENTITIES = array_and_set {
    "workspaces", "consumers", "certificates", "services", "routes", "snis", "upstreams", "targets", "plugins",
    "tags", "ca_certificates", "clustering_data_planes", "parameters", "vaults", "key_sets", "keys", "filter_chains",
  },

  ENTITY_CACHE_STORE = setmetatable(ENTITY_CACHE_STORE, {
    __index = function()
      return "cache"
    end,
  }),

  RATELIMIT = { PERIODS = { "second", "minute", "hour", "day", "month", "year" } },

  DICTS = {
    "kong", "kong_locks", "kong_db_cache", "kong_db_cache_miss", "kong_cluster_events", "kong_healthchecks",
    "kong_rate_limiting_counters", "kong_secrets",
  },

  DATABASE = { POSTGRES = { MIN = "9.5" }, DAO_MAX_TTL = 1e8 },

  PROTOCOLS = { "grpc", "grpcs", "http", "https", "tcp", "tls", "tls_passthrough", "udp" },

  PROTOCOLS_WITH_SUBSYSTEM = {
    http = "http",
    https = "http",
    grpc = "http",
    grpcs = "http",
    tcp = "stream",
    tls = "stream",
    udp = "stream",
    tls_passthrough = "stream",
  },

  DECLARATIVE_PAGE_KEY = "declarative:page",
  DECLARATIVE_LOAD_KEY = "declarative_config:loaded",
  DECLARATIVE_HASH_KEY = "declarative_config:hash",
  DECLARATIVE_EMPTY_CONFIG_HASH = string.rep("0", 32),
  DECLARATIVE_DEFAULT_WORKSPACE_ID = "0dc6f45b-8f8d-40d2-a504-473544ee190b",
  DECLARATIVE_DEFAULT_WORKSPACE_KEY = "declarative_config:default_workspace",
  PLUGINS_REBUILD_COUNTER_KEY = "readiness_probe_config:plugins_rebuild_counter",
  ROUTERS_REBUILD_COUNTER_KEY = "readiness_probe_config:routers_rebuild_counter",

  CLUSTER_ID_PARAM_KEY = "cluster_id",
  CLUSTERING_SYNC_STATUS = {
    UNKNOWN = "unknown",
    NORMAL = "normal",
    KONG_VERSION_INCOMPATIBLE = "kong_version_incompatible",
    PLUGIN_SET_INCOMPATIBLE = "plugin_set_incompatible",
    PLUGIN_VERSION_INCOMPATIBLE = "plugin_version_incompatible",
    FILTER_SET_INCOMPATIBLE = "filter_set_incompatible",
  },
  CLUSTERING_TIMEOUT = 5000,
  CLUSTERING_PING_INTERVAL = 30,
  CLUSTERING_OCSP_TIMEOUT = 5000,
  CLUSTERING_DATA_PLANE_ERROR = {
    CONFIG_PARSE = "declarative configuration parse failure",
    RELOAD = "configuration reload failed",
    GENERIC = "generic or unknown error",
  },

  CLEAR_HEALTH_STATUS_DELAY = 300,

  KEY_FORMATS_MAP = { jwk = true, pem = true },
  KEY_FORMATS = { "jwk", "pem" },

  LOG_LEVELS = log_levels(),
  DYN_LOG_LEVEL_KEY = "kong:dyn_log_level",
  DYN_LOG_LEVEL_TIMEOUT_AT_KEY = "kong:dyn_log_level_timeout_at",
  DYN_LOG_LEVEL_DEFAULT_TIMEOUT = 60,

  RESPONSE_SOURCE = {
    TYPES = { ERROR = "error", EXIT = "exit", SERVICE = "service" },
    NAMES = { error = "kong", exit = "kong", service = "upstream" },
  },
}


return constants
