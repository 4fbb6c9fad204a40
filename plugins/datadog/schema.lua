local queue_fields = require "kong.tools.queue_fields"
local typedefs = require "kong.db.schema.typedefs"


local METRICS = { "kong_latency", "latency", "request_count", "request_size", "response_size", "upstream_latency" }
local STAT_TYPES = { "counter", "gauge", "histogram", "meter", "set", "timer", "distribution" }

-- What is sent unless something else is asked for.
local DEFAULT_METRICS = {}
for i, name in ipairs { "request_count", "latency", "request_size", "response_size", "upstream_latency",
                        "kong_latency" } do
  DEFAULT_METRICS[i] = {
    name = name,
    stat_type = name == "request_count" and "counter" or "timer",
    sample_rate = name == "request_count" and 1 or nil,
    tags = { "app:kong" },
    consumer_identifier = "custom_id",
  }
end


local fields = {
  { host = typedefs.host { referenceable = true, default = "localhost" } },
  { port = typedefs.port { default = 8125 } },
  { prefix = { type = "string", default = "kong", description = "Begins the names of metrics." } },
  { service_name_tag = { type = "string", default = "name", description = "The tag with the service's name." } },
  { status_tag = { type = "string", default = "status", description = "The tag with the status." } },
  { consumer_tag = { type = "string", default = "consumer", description = "The tag with the consumer." } },
  { queue = typedefs.queue },
  { metrics = {
    type = "array",
    required = true,
    default = DEFAULT_METRICS,
    elements = {
      type = "record",
      fields = {
        { name = { type = "string", required = true, one_of = METRICS } },
        { stat_type = { type = "string", required = true, one_of = STAT_TYPES } },
        { tags = { type = "array", elements = { type = "string", match = "^.*[^:]$" } } },
        { sample_rate = { type = "number", between = { 0, 1 } } },
        { consumer_identifier = { type = "string", one_of = { "consumer_id", "custom_id", "username" } } },
      },
      entity_checks = {
        { conditional = {
          if_field = "stat_type", if_match = { one_of = { "counter", "gauge" } },
          then_field = "sample_rate", then_match = { required = true },
        } },
      },
    },
    description = "The metrics that are sent.",
  } },
}
queue_fields.add_deprecated(fields, "datadog", { retry_count = 10, queue_size = 1, flush_timeout = 2 })


return {
  name = "datadog",
  fields = {
    { protocols = typedefs.protocols },
    { config = { type = "record", fields = fields } },
  },
}
