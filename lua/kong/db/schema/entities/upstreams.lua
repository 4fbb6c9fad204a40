-- The upstreams entity: a virtual host name with targets, a balancing algorithm and health checks.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local Schema = require "kong.db.schema"
local checks = require "kong.db.schema.checks"
local typedefs = require "kong.db.schema.typedefs"
local value = require "kong.db.schema.value"

local null = value.null

local HASH_INPUTS = { "none", "consumer", "ip", "header", "cookie", "path", "query_arg", "uri_capture" }


local function check_name(name)
  local res = checks.parse_address(name)
  local subject = checks.utf8_error(name) and "Invalid name" or "Invalid name ('" .. name .. "')"
  if not res then
    return nil, subject .. "; must be a valid hostname"
  elseif res.type ~= "name" then
    return nil, subject .. "; no ip addresses allowed"
  elseif res.port then
    return nil, subject .. "; no port allowed"
  end
  return true
end


local hash_input = Schema.define { type = "string", default = "none", one_of = HASH_INPUTS }
local hash_name = Schema.define { type = "string", len_min = 1 }
local counter = Schema.define { type = "integer", between = { 0, 255 }, default = 0 }
local seconds = Schema.define { type = "number", between = { 0, 65535 } }
local probe_type = Schema.define {
  type = "string", one_of = { "tcp", "http", "https", "grpc", "grpcs" }, default = "http",
}


local function statuses(default)
  return { type = "array", elements = { type = "integer", between = { 100, 999 } }, default = default }
end


local ACTIVE_HEALTHY = { 200, 302 }
local ACTIVE_UNHEALTHY = { 429, 404, 500, 501, 502, 503, 504, 505 }
local PASSIVE_HEALTHY = { 200, 201, 202, 203, 204, 205, 206, 207, 208, 226,
                          300, 301, 302, 303, 304, 305, 306, 307, 308 }
local PASSIVE_UNHEALTHY = { 429, 500, 503 }

local active_defaults = {
  type = "http", timeout = 1, concurrency = 10, http_path = "/", https_verify_certificate = true,
  healthy = { interval = 0, http_statuses = ACTIVE_HEALTHY, successes = 0 },
  unhealthy = { interval = 0, http_statuses = ACTIVE_UNHEALTHY, tcp_failures = 0, timeouts = 0, http_failures = 0 },
}
local passive_defaults = {
  type = "http",
  healthy = { http_statuses = PASSIVE_HEALTHY, successes = 0 },
  unhealthy = { http_statuses = PASSIVE_UNHEALTHY, tcp_failures = 0, timeouts = 0, http_failures = 0 },
}


local active = {
  type = "record",
  default = active_defaults,
  fields = {
    { type = probe_type {}, },
    { timeout = seconds { default = 1 }, },
    { concurrency = { type = "integer", between = { 1, 2 ^ 31 }, default = 10 }, },
    { http_path = typedefs.path { default = "/" }, },
    { https_sni = typedefs.sni { required = false }, },
    { https_verify_certificate = { type = "boolean", default = true, required = true }, },
    { headers = typedefs.headers { required = false }, },
    { healthy = { type = "record", default = active_defaults.healthy, fields = {
      { interval = seconds { default = 0 }, },
      { http_statuses = statuses(ACTIVE_HEALTHY), },
      { successes = counter {}, },
    }, }, },
    { unhealthy = { type = "record", default = active_defaults.unhealthy, fields = {
      { interval = seconds { default = 0 }, },
      { http_statuses = statuses(ACTIVE_UNHEALTHY), },
      { tcp_failures = counter {}, },
      { timeouts = counter {}, },
      { http_failures = counter {}, },
    }, }, },
  },
}

local passive = {
  type = "record",
  default = passive_defaults,
  fields = {
    { type = probe_type {}, },
    { healthy = { type = "record", default = passive_defaults.healthy, fields = {
      { http_statuses = statuses(PASSIVE_HEALTHY), },
      { successes = counter {}, },
    }, }, },
    { unhealthy = { type = "record", default = passive_defaults.unhealthy, fields = {
      { http_statuses = statuses(PASSIVE_UNHEALTHY), },
      { tcp_failures = counter {}, },
      { timeouts = counter {}, },
      { http_failures = counter {}, },
    }, }, },
  },
}


-- `input` in field if_field makes field `needed` required.
local function needs(if_field, input, needed)
  return { conditional = {
    if_field = if_field, if_match = { match = "^" .. input .. "$" },
    then_field = needed, then_match = { required = true },
  }, }
end


-- With hash_on = input the fallback must be one of the list.
local function fallback(input, list)
  return { conditional = {
    if_field = "hash_on", if_match = { match = "^" .. input .. "$" },
    then_field = "hash_fallback", then_match = { one_of = list },
  }, }
end


-- Choosing an algorithm or a hash input also settles the other of the two.
local function with_algorithm(algorithm)
  if algorithm == "least-connections" or algorithm == "latency" then
    return { algorithm = algorithm, hash_on = null }
  end
  return { algorithm = algorithm }
end


local function with_hash_on(input)
  if input == null then
    return { hash_on = "none" }
  elseif input == "none" then
    return { hash_on = input, algorithm = "round-robin" }
  end
  return { hash_on = input, algorithm = "consistent-hashing" }
end


return {
  name = "upstreams",
  primary_key = { "id" },
  endpoint_key = "name",
  workspaceable = true,

  fields = {
    { id = typedefs.uuid, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
    { name = { type = "string", required = true, unique = true, custom_validator = check_name, }, },
    { algorithm = {
      type = "string",
      default = "round-robin",
      one_of = { "consistent-hashing", "least-connections", "round-robin", "latency" },
    }, },
    { hash_on = hash_input {}, },
    { hash_fallback = hash_input {}, },
    { hash_on_header = typedefs.header_name, },
    { hash_fallback_header = typedefs.header_name, },
    { hash_on_cookie = typedefs.cookie_name, },
    { hash_on_cookie_path = typedefs.path { default = "/", }, },
    { hash_on_query_arg = hash_name {}, },
    { hash_fallback_query_arg = hash_name {}, },
    { hash_on_uri_capture = hash_name {}, },
    { hash_fallback_uri_capture = hash_name {}, },
    { slots = { type = "integer", default = 10000, between = { 10, 65536 }, }, },
    { healthchecks = {
      type = "record",
      default = { active = active_defaults, passive = passive_defaults },
      fields = {
        { active = active, },
        { passive = passive, },
        { threshold = { type = "number", default = 0, between = { 0, 100 }, }, },
      },
    }, },
    { tags = typedefs.tags, },
    { host_header = typedefs.host_with_optional_port, },
    { client_certificate = { type = "foreign", reference = "certificates", }, },
    { use_srv_name = { type = "boolean", default = false, }, },
  },

  entity_checks = {
    needs("hash_on", "header", "hash_on_header"),
    needs("hash_fallback", "header", "hash_fallback_header"),
    needs("hash_on", "cookie", "hash_on_cookie"),
    needs("hash_fallback", "cookie", "hash_on_cookie"),
    fallback("none", { "none" }),
    fallback("cookie", { "none" }),
    fallback("consumer", { "none", "ip", "header", "cookie", "path", "query_arg", "uri_capture" }),
    fallback("ip", { "none", "consumer", "header", "cookie", "path", "query_arg", "uri_capture" }),
    fallback("path", { "none", "consumer", "header", "cookie", "query_arg", "ip", "uri_capture" }),
    { distinct = { "hash_on_header", "hash_fallback_header" }, },
    needs("hash_on", "query_arg", "hash_on_query_arg"),
    needs("hash_fallback", "query_arg", "hash_fallback_query_arg"),
    { distinct = { "hash_on_query_arg", "hash_fallback_query_arg" }, },
    needs("hash_on", "uri_capture", "hash_on_uri_capture"),
    needs("hash_fallback", "uri_capture", "hash_fallback_uri_capture"),
    { distinct = { "hash_on_uri_capture", "hash_fallback_uri_capture" }, },
  },

  shorthand_fields = {
    { algorithm = { type = "string", func = with_algorithm, }, },
    { hash_on = { type = "string", func = with_hash_on, }, },
  },
}
