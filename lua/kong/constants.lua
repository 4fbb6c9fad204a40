-- Constants shared by the gateway's Lua code and by custom plugins.
-- Used everywhere; names and values are part of the plugin API. Must never hold state.
local constants = {
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
  DYN_LOG_LEVEL_KEY = "kong:dyn_log_level",
  DYN_LOG_LEVEL_TIMEOUT_AT_KEY = "kong:dyn_log_level_timeout_at",
}


return constants
