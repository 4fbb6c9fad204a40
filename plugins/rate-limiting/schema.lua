local redis_schema = require "kong.tools.redis.schema"
local typedefs = require "kong.db.schema.typedefs"

local fmt = string.format


local PERIODS = { "second", "minute", "hour", "day", "month", "year" }
local REALTIME = -1


local function check_config(config)
  for i, short in ipairs(PERIODS) do
    local low = config[short]
    for j = i + 1, #PERIODS do
      local long = PERIODS[j]
      local high = config[long]
      if type(low) == "number" and type(high) == "number" and high < low then
        return nil, fmt("The limit for %s(%.1f) cannot be lower than the limit for %s(%.1f)", long, high, short, low)
      end
    end
  end
  if config.sync_rate ~= REALTIME then
    if config.policy ~= "redis" then
      return nil, "sync_rate can only be used with the redis policy"
    end
    if config.sync_rate < 0.02 then
      return nil, "sync_rate must be greater than 0.02, or -1 to disable"
    end
  end
  return true
end


local fields, limits = {}, {}
for i, period in ipairs(PERIODS) do
  fields[i] = { [period] = {
    type = "number",
    gt = 0,
    description = "Requests that are permitted per " .. period .. ".",
  } }
  limits[i] = "config." .. period
end


for _, field in ipairs {
  { limit_by = {
    type = "string",
    default = "consumer",
    one_of = { "consumer", "credential", "ip", "service", "header", "path" },
    description = "What requests are counted by; the client's address where it is absent.",
  } },
  { header_name = typedefs.header_name },
  { path = typedefs.path },
  { policy = {
    type = "string",
    default = "local",
    len_min = 0,
    one_of = { "local", "redis" },
    description = "Where the counters are kept.",
  } },
  { fault_tolerant = {
    type = "boolean",
    required = true,
    default = true,
    description = "Proxies requests while the counters are out of reach, instead of answering 500.",
  } },
  { redis = redis_schema.config_schema },
  { hide_client_headers = {
    type = "boolean",
    required = true,
    default = false,
    description = "Leaves out the headers that tell clients about limits.",
  } },
  { error_code = { type = "number", default = 429, gt = 0, description = "Status of refusals." } },
  { error_message = {
    type = "string",
    default = "API rate limit exceeded",
    description = "Message of refusals.",
  } },
  { sync_rate = {
    type = "number",
    required = true,
    default = REALTIME,
    description = "Seconds between synchronisations with Redis; -1 asks it at every request.",
  } },
} do
  fields[#fields + 1] = field
end


local function needed(if_field, match, then_field)
  return { conditional = {
    if_field = if_field, if_match = { eq = match },
    then_field = then_field, then_match = { required = true },
  } }
end


return {
  name = "rate-limiting",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = fields,
      custom_validator = check_config,
      shorthand_fields = redis_schema.flat_fields("rate-limiting"),
    } },
  },
  entity_checks = {
    { at_least_one_of = limits },
    needed("config.policy", "redis", "config.redis.host"),
    needed("config.policy", "redis", "config.redis.port"),
    needed("config.policy", "redis", "config.redis.timeout"),
    needed("config.limit_by", "header", "config.header_name"),
    needed("config.limit_by", "path", "config.path"),
  },
}
