local Schema = require "kong.db.schema"
local typedefs = require "kong.db.schema.typedefs"


local ATTRIBUTE_TYPES = { string = true, number = true, boolean = true }


local function check_attributes(attributes)
  for _, value in pairs(attributes) do
    if not ATTRIBUTE_TYPES[type(value)] then
      return nil, "invalid type of value: " .. type(value)
    end
    if value == "" then
      return nil, "required field missing"
    end
  end
  return true
end


local function replaced(name, by, old_default)
  return {
    message = "opentelemetry: config." .. name .. " is deprecated, please use config." .. by .. " instead",
    removal_in_version = "4.0",
    old_default = old_default,
  }
end


local fields = {
  { traces_endpoint = typedefs.url { referenceable = true } },
  { logs_endpoint = typedefs.url { referenceable = true } },
  { headers = {
    type = "map",
    keys = typedefs.header_name,
    values = { type = "string", referenceable = true },
    description = "Headers for the collector, such as tokens.",
  } },
  { resource_attributes = Schema.define {
    type = "map",
    keys = { type = "string", required = true },
    values = { type = "string", required = true },
    custom_validator = check_attributes,
    description = "Attributes of the resource, besides (or instead of) service.name, service.version and "
                  .. "service.instance.id.",
  } },
  { queue = typedefs.queue { default = { max_batch_size = 200 } } },
  { batch_span_count = {
    type = "integer",
    deprecation = replaced("batch_span_count", "queue.max_batch_size", 200),
    description = "The number of spans in a batch.",
  } },
  { batch_flush_delay = {
    type = "integer",
    deprecation = replaced("batch_flush_delay", "queue.max_coalescing_delay", 3),
    description = "Seconds between batches.",
  } },
  { connect_timeout = typedefs.timeout { default = 1000 } },
  { send_timeout = typedefs.timeout { default = 5000 } },
  { read_timeout = typedefs.timeout { default = 5000 } },
  { http_response_header_for_traceid = {
    type = "string",
    description = "The header of the response that tells the trace id.",
  } },
  { header_type = {
    type = "string",
    required = false,
    default = "preserve",
    one_of = { "preserve", "ignore", "b3", "b3-single", "w3c", "jaeger", "ot", "aws", "gcp", "datadog" },
    deprecation = replaced("header_type", "propagation options", "preserve"),
    description = "The headers to expect in requests.",
  } },
  { sampling_rate = {
    type = "number",
    between = { 0, 1 },
    description = "The part of requests that are sampled, instead of tracing_sampling_rate in kong.conf.",
  } },
  { propagation = typedefs.propagation { default = { default_format = "w3c" } } },
}


return {
  name = "opentelemetry",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = fields,
      entity_checks = { { at_least_one_of = { "traces_endpoint", "logs_endpoint" } } },
      shorthand_fields = {
        { endpoint = typedefs.url {
          referenceable = true,
          deprecation = {
            message = "OpenTelemetry: config.endpoint is deprecated, please use config.traces_endpoint instead",
            removal_in_version = "4.0",
          },
          func = function(value)
            return { traces_endpoint = value }
          end,
        } },
      },
    } },
  },
}
