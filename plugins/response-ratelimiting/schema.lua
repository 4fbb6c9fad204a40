local redis_schema = require "kong.tools.redis.schema"
local typedefs = require "kong.db.schema.typedefs"

local fmt = string.format


local PERIODS = { "second", "minute", "hour", "day", "month", "year" }


local function check_order(limit)
  for i, short in ipairs(PERIODS) do
    local low = limit[short]
    for j = i + 1, #PERIODS do
      local high = limit[PERIODS[j]]
      if type(low) == "number" and type(high) == "number" and high < low then
        return nil, fmt("the limit for %s(%.1f) cannot be lower than the limit for %s(%.1f)", PERIODS[j], high, short,
                        low)
      end
    end
  end
  return true
end


local limit_fields = {}
for i, period in ipairs(PERIODS) do
  limit_fields[i] = { [period] = { type = "number", gt = 0 } }
end


local function flag(default, description)
  return { type = "boolean", required = true, default = default, description = description }
end


local function needed(then_field)
  return { conditional = {
    if_field = "config.policy", if_match = { eq = "redis" },
    then_field = then_field, then_match = { required = true },
  } }
end


return {
  name = "response-ratelimiting",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { header_name = {
          type = "string",
          default = "x-kong-limit",
          description = "The response header in which the upstream tells what a request cost.",
        } },
        { limit_by = {
          type = "string",
          default = "consumer",
          one_of = { "consumer", "credential", "ip" },
          description = "What is counted by; the client's address where it is absent.",
        } },
        { policy = {
          type = "string",
          default = "local",
          one_of = { "local", "redis" },
          description = "Where the counters are kept.",
        } },
        { fault_tolerant = flag(true, "Proxies requests while the counters are out of reach.") },
        { redis = redis_schema.config_schema },
        { block_on_first_violation = flag(false, "Refuses all requests as soon as one limit is used up.") },
        { hide_client_headers = flag(false, "Leaves out the headers that tell clients about limits.") },
        { limits = {
          type = "map",
          required = true,
          len_min = 1,
          keys = { type = "string" },
          values = {
            type = "record",
            required = true,
            fields = limit_fields,
            custom_validator = check_order,
            entity_checks = { { at_least_one_of = PERIODS } },
          },
          description = "Limits by the names that the upstream uses.",
        } },
      },
      shorthand_fields = redis_schema.flat_fields("response-ratelimiting"),
    } },
  },
  entity_checks = {
    needed("config.redis.host"),
    needed("config.redis.port"),
    needed("config.redis.timeout"),
  },
}
