-- What older data planes cannot read: which versions may connect, which plugins they must have, and the configuration
-- rewritten for the version of one data plane. Works on decoded copies; called by the control plane before a push.

local cjson = require("cjson")

local null = cjson.null

local _M = {}


-- Number that orders versions: a*1e9 + b*1e6 + c*1e3 + d of "a.b.c.d"; what is not a digit ends a part.
function _M.version_num(version)
  local num, weight = 0, 1000000000
  for part in tostring(version):gmatch("[^.]+") do
    num = num + (tonumber(part:match("^%d+")) or 0) * weight
    weight = weight / 1000
    if weight < 1 then
      break
    end
  end
  return num
end


local function major_minor(version)
  local major, minor = tostring(version):match("^(%d+)%.(%d+)")
  return tonumber(major), tonumber(minor)
end


-- May a data plane of this version connect? true, or nil, reason (for the log), status (of the data plane's record).
function _M.check_version(cp_version, dp_version)
  local cp_major, cp_minor = major_minor(cp_version)
  local dp_major, dp_minor = major_minor(dp_version)
  local accepted = " (" .. cp_major .. ".x.y are accepted)"
  if not dp_major or not tostring(dp_version):match("^%d+%.%d+%.%d+") then
    return nil, "data plane version is incompatible with control plane version " .. cp_version .. accepted, "kong_version_incompatible"
  end
  if dp_major ~= cp_major then
    return nil, "data plane version " .. dp_version .. " is incompatible with control plane version " .. cp_version .. accepted,
           "kong_version_incompatible"
  end
  if dp_minor > cp_minor then
    return nil, "data plane version " .. dp_version .. " is incompatible with older control plane version " .. cp_version,
           "kong_version_incompatible"
  end
  return true
end


-- Has the data plane every configured plugin in a version it can use?
-- configured: set of names; cp: name -> version; dp: name -> version or true. true, or nil, reason, status.
function _M.check_plugins(configured, cp, dp)
  for name in pairs(configured) do
    local cp_version, dp_version = cp[name], dp[name]
    if not dp_version then
      return nil, "configured " .. name .. " plugin " .. tostring(cp_version) .. " is missing from data plane", "plugin_set_incompatible"
    end
    local cp_major, cp_minor = major_minor(cp_version)
    local dp_major, dp_minor = major_minor(dp_version)
    local is_old_tracer = name == "opentelemetry" and dp_major == 0 and dp_minor == 1
    if cp_major and dp_major and not is_old_tracer and (cp_major ~= dp_major or cp_minor < dp_minor) then
      return nil, "configured data plane " .. name .. " plugin version " .. dp_version .. " is different to control plane plugin version " .. cp_version,
             "plugin_version_incompatible"
    end
  end
  return true
end


-- Plugin fields that a data plane older than the version does not know.
local AI_LLM = "llm.model.options.gemini llm.auth.gcp_use_service_account llm.auth.gcp_service_account_json llm.model.options.bedrock "
             .. "llm.auth.aws_access_key_id llm.auth.aws_secret_access_key llm.auth.allow_override max_request_body_size"
local QUEUED = { "http-log", "statsd", "datadog", "zipkin", "opentelemetry" }
local REMOVED = {
  ["3.1.0"] = {
    ["acme"] = "enable_ipv4_common_name storage_config.redis.ssl storage_config.redis.ssl_verify storage_config.redis.ssl_server_name",
    ["rate-limiting"] = "error_code error_message",
    ["response-ratelimiting"] = "redis_ssl redis_ssl_verify redis_server_name",
    ["datadog"] = "retry_count queue_size flush_timeout",
    ["statsd"] = "retry_count queue_size flush_timeout",
    ["session"] = "cookie_persistent",
    ["zipkin"] = "http_response_header_for_traceid",
  },
  ["3.2.0"] = {
    ["statsd"] = "tag_style",
    ["session"] = "audience absolute_timeout remember_cookie_name remember_rolling_timeout remember_absolute_timeout response_headers request_headers",
    ["aws-lambda"] = "aws_imds_protocol_version",
    ["zipkin"] = "phase_duration_flavor",
  },
  ["3.3.0"] = {
    ["acme"] = "account_key storage_config.redis.namespace",
    ["aws-lambda"] = "disable_https",
    ["proxy-cache"] = "ignore_uri_case",
    ["opentelemetry"] = "http_response_header_for_traceid queue header_type",
    ["http-log"] = "queue",
    ["statsd"] = "queue",
    ["datadog"] = "queue",
    ["zipkin"] = "queue",
  },
  ["3.4.0"] = { ["rate-limiting"] = "sync_rate", ["proxy-cache"] = "response_headers" },
  ["3.5.0"] = { ["acme"] = "storage_config.redis.scan_count", ["cors"] = "private_network", ["session"] = "read_body_for_logout" },
  ["3.6.0"] = { ["opentelemetry"] = "sampling_rate", ["basic-auth"] = "realm" },
  ["3.7.0"] = {
    ["opentelemetry"] = "propagation",
    ["zipkin"] = "propagation",
    ["ai-proxy"] = "response_streaming model.options.upstream_path",
    ["ai-request-transformer"] = "llm.model.options.upstream_path",
    ["ai-response-transformer"] = "llm.model.options.upstream_path",
    ["key-auth"] = "realm",
  },
  ["3.8.0"] = {
    ["response-transformer"] = "rename.json",
    ["aws-lambda"] = "empty_arrays_mode aws_sts_endpoint_url",
    ["ldap-auth"] = "realm",
    ["hmac-auth"] = "realm",
    ["jwt"] = "realm",
    ["oauth2"] = "realm",
    ["opentelemetry"] = "traces_endpoint logs_endpoint",
    ["ai-proxy"] = "max_request_body_size model.options.gemini auth.gcp_use_service_account auth.gcp_service_account_json model.options.bedrock "
      .. "auth.aws_access_key_id auth.aws_secret_access_key auth.allow_override model_name_header",
    ["ai-prompt-decorator"] = "max_request_body_size",
    ["ai-prompt-guard"] = "match_all_roles max_request_body_size",
    ["ai-prompt-template"] = "max_request_body_size",
    ["ai-request-transformer"] = AI_LLM,
    ["ai-response-transformer"] = AI_LLM,
    ["prometheus"] = "ai_metrics",
    ["acl"] = "always_use_authenticated_groups",
  },
  ["3.9.1"] = { ["ai-proxy"] = "llm_format", ["ai-prompt-guard"] = "llm_format", ["ai-prompt-decorator"] = "llm_format" },
}
for _, name in ipairs(QUEUED) do
  local fields = REMOVED["3.8.0"][name]
  REMOVED["3.8.0"][name] = (fields and fields .. " " or "") .. "queue.concurrency_limit"
end


local function has_value(v)
  return v ~= nil and v ~= null
end


-- Removes the field at a dotted path. True when there was one.
local function remove_path(config, path)
  local at = config
  for name in path:gmatch("([^.]+)%.") do
    at = at[name]
    if type(at) ~= "table" then
      return false
    end
  end
  local last = path:match("[^.]+$")
  local was = at[last] ~= nil
  at[last] = nil
  return was
end


local function each_plugin(config_table, name, fn)
  local changed = false
  for _, plugin in ipairs(config_table.plugins or {}) do
    if (plugin.name == name or not name) and type(plugin.config) == "table" then
      changed = fn(plugin.config, plugin) or changed
    end
  end
  return changed
end


local function each_row(config_table, entity, fn)
  local changed = false
  for _, row in ipairs(config_table[entity] or {}) do
    changed = fn(row) or changed
  end
  return changed
end


local function drop_from_rows(config_table, entity, ...)
  local fields = { ... }
  return each_row(config_table, entity, function(row)
    local changed = false
    for _, field in ipairs(fields) do
      changed = changed or row[field] ~= nil
      row[field] = nil
    end
    return changed
  end)
end


-- The queue's parameters by their names before 3.3, with what stands there when a queue has none: {old name, new name, default}.
local SENDERS = { { "retry_count", nil, 10 }, { "queue_size", "max_batch_size", 1 }, { "flush_timeout", "max_coalescing_delay", 2 } }
local LEGACY_QUEUE = {
  ["statsd"] = SENDERS,
  ["datadog"] = SENDERS,
  ["opentelemetry"] = { { "batch_span_count", "max_batch_size", 200 }, { "batch_flush_delay", "max_coalescing_delay", 3 } },
}


local function legacy_queue(config, names)
  local queue = type(config.queue) == "table" and config.queue or {}
  for _, entry in ipairs(names) do
    local old, new = entry[1], entry[2] and queue[entry[2]]
    if type(config[old]) ~= "number" then
      config[old] = type(new) == "number" and new or entry[3]
    end
  end
  return true
end


local function legacy_queues(t)
  local changed = false
  for name, names in pairs(LEGACY_QUEUE) do
    changed = each_plugin(t, name, function(config) return legacy_queue(config, names) end) or changed
  end
  return changed
end


local WITHOUT_UPDATED_AT = { "ca_certificates", "certificates", "consumers", "targets", "upstreams", "plugins", "workspaces", "snis" }


local function before_3_3(t)
  local changed = legacy_queues(t)
  for _, entity in ipairs(WITHOUT_UPDATED_AT) do
    changed = drop_from_rows(t, entity, "updated_at") or changed
  end
  return each_row(t, "vaults", function(vault)
    local prefix = vault.name == "env" and type(vault.config) == "table" and vault.config.prefix
    if type(prefix) ~= "string" or not prefix:find("-", 1, true) then
      return false
    end
    vault.config.prefix = prefix:gsub("-", "_")
    return true
  end) or changed
end


local SESSION_RENAMES = {
  idling_timeout = "cookie_idletime", rolling_timeout = "cookie_lifetime", stale_ttl = "cookie_discard",
  cookie_same_site = "cookie_samesite", cookie_http_only = "cookie_httponly", remember = "cookie_persistent",
}


local function before_3_2(t)
  local changed = each_row(t, "services", function(service)
    if service.protocol ~= "tls" then
      return false
    end
    service.client_certificate, service.tls_verify, service.tls_verify_depth, service.ca_certificates = nil, nil, nil, nil
    return true
  end)
  changed = each_row(t, "upstreams", function(upstream)
    local is_latency = upstream.algorithm == "latency"
    upstream.algorithm = is_latency and "round-robin" or upstream.algorithm
    return is_latency
  end) or changed
  changed = drop_from_rows(t, "plugins", "instance_name") or changed
  return each_plugin(t, "session", function(config)
    for new, old in pairs(SESSION_RENAMES) do
      if config[new] ~= nil then
        config[old], config[new] = config[new], nil
      end
    end
    return true
  end) or changed
end


local function header_type(t, from)
  local changed = false
  for _, name in ipairs({ "zipkin", "opentelemetry" }) do
    changed = each_plugin(t, name, function(config)
      if config.header_type ~= from then
        return false
      end
      config.header_type = "preserve"
      return true
    end) or changed
  end
  return each_plugin(t, "zipkin", function(config)
    if config.default_header_type ~= from then
      return false
    end
    config.default_header_type = "b3"
    return true
  end) or changed
end


-- Redis had fields of its own in each plugin before 3.6.
local REDIS_FIELDS = { "host", "port", "username", "password", "database", "timeout", "ssl", "ssl_verify", "server_name" }
local ACME_REDIS = {
  host = "host", port = "port", auth = "password", database = "database", ssl = "ssl", ssl_verify = "ssl_verify", ssl_server_name = "server_name",
}


local function flat_redis(config)
  local redis = config.redis
  if config.policy ~= "redis" or type(redis) ~= "table" then
    return false
  end
  for _, name in ipairs(REDIS_FIELDS) do
    config["redis_" .. name] = redis[name]
  end
  config.redis = nil
  return true
end


local function acme_redis(config)
  local storage = config.storage_config
  local redis = type(storage) == "table" and storage.redis
  if config.storage ~= "redis" or type(redis) ~= "table" then
    return false
  end
  local extra = type(redis.extra_options) == "table" and redis.extra_options or {}
  local old = { namespace = extra.namespace, scan_count = extra.scan_count }
  for name, new in pairs(ACME_REDIS) do
    old[name] = redis[new]
  end
  storage.redis = old
  return true
end


local function before_3_6(t)
  local changed = each_plugin(t, "acme", acme_redis)
  changed = each_plugin(t, "rate-limiting", flat_redis) or changed
  return each_plugin(t, "response-ratelimiting", flat_redis) or changed
end


local function before_3_7(t)
  return each_plugin(t, "ai-proxy", function(config)
    if config.route_type ~= "preserve" then
      return false
    end
    config.route_type = "llm/v1/chat"
    return true
  end)
end


-- Plugins ask providers that a version does not know as they would ask OpenAI, ai-proxy without changing the request.
local function ai_providers(t, unknown)
  local changed = false
  for _, name in ipairs({ "ai-proxy", "ai-request-transformer", "ai-response-transformer" }) do
    changed = each_plugin(t, name, function(config)
      local model = config.model or (type(config.llm) == "table" and config.llm.model)
      if type(model) ~= "table" or not unknown[model.provider] then
        return false
      end
      if model.provider == "huggingface" and type(model.options) == "table" then
        model.options.huggingface = nil
      end
      model.provider = "openai"
      if name == "ai-proxy" then
        config.route_type = "preserve"
      end
      return true
    end) or changed
  end
  return changed
end


-- Mistral's own address was no default before 3.8.
local function mistral_address(config)
  local model = config.model
  if type(model) ~= "table" or model.provider ~= "mistral" then
    return false
  end
  local options = type(model.options) == "table" and model.options or {}
  if has_value(options.upstream_url) then
    return false
  end
  options.upstream_url = "https://api.mistral.ai:443"
  model.options = options
  return true
end


local function before_3_8(t)
  local changed = each_plugin(t, "opentelemetry", function(config)
    if config.traces_endpoint == nil then
      return false
    end
    config.endpoint = config.traces_endpoint
    return true
  end)
  changed = ai_providers(t, { gemini = true, bedrock = true }) or changed
  return each_plugin(t, "ai-proxy", mistral_address) or changed
end


-- Newest first, so that what one step leaves is what the next expects.
local STEPS = {
  { "3.9.0", function(t) return ai_providers(t, { huggingface = true }) end },
  { "3.8.0", before_3_8 },
  { "3.7.0", before_3_7 },
  { "3.6.0", before_3_6 },
  { "3.5.0", function(t) return header_type(t, "gcp") end },
  { "3.4.0", function(t) return header_type(t, "aws") end },
  { "3.3.0", before_3_3 },
  { "3.2.0", before_3_2 },
  { "3.1.0", function(t) return drop_from_rows(t, "upstreams", "use_srv_name") end },
}


local function remove_fields(t, dp_num)
  local changed = false
  for version, plugins in pairs(REMOVED) do
    if dp_num < _M.version_num(version) then
      changed = each_plugin(t, nil, function(config, plugin)
        local any = false
        for path in (plugins[plugin.name] or ""):gmatch("%S+") do
          any = remove_path(config, path) or any
        end
        return any
      end) or changed
    end
  end
  return changed
end


-- Rewrites config_table (a private copy) for a data plane of dp_version. True when anything changed.
function _M.downgrade(config_table, dp_version)
  local dp_num = _M.version_num(dp_version)
  local changed = false
  for _, step in ipairs(STEPS) do
    if dp_num < _M.version_num(step[1]) then
      changed = step[2](config_table) or changed
    end
  end
  return remove_fields(config_table, dp_num) or changed
end


return _M
