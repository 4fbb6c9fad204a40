local queue_fields = require "kong.tools.queue_fields"
local typedefs = require "kong.db.schema.typedefs"


local METRICS = {
  "kong_latency", "latency", "request_count", "request_per_user", "request_size", "response_size", "status_count",
  "status_count_per_user", "unique_users", "upstream_latency", "status_count_per_workspace",
  "status_count_per_user_per_route", "shdict_usage",
}
local STAT_TYPES = { "counter", "gauge", "histogram", "meter", "set", "timer" }
local CONSUMER_IDENTIFIERS = { "consumer_id", "custom_id", "username" }
local SERVICE_IDENTIFIERS = { "service_id", "service_name", "service_host", "service_name_or_host" }
local WORKSPACE_IDENTIFIERS = { "workspace_id", "workspace_name" }

-- What is sent unless something else is asked for.
local DEFAULT_METRICS = {}
for i, entry in ipairs {
  { "request_count", "counter" }, { "latency", "timer" }, { "request_size", "counter" }, { "status_count", "counter" },
  { "response_size", "counter" }, { "unique_users", "set" }, { "request_per_user", "counter" },
  { "upstream_latency", "timer" }, { "kong_latency", "timer" }, { "status_count_per_user", "counter" },
  { "status_count_per_workspace", "counter" }, { "status_count_per_user_per_route", "counter" },
  { "shdict_usage", "gauge" },
} do
  local is_sampled = entry[2] == "counter" or entry[2] == "gauge"
  DEFAULT_METRICS[i] = { name = entry[1], stat_type = entry[2], sample_rate = is_sampled and 1 or nil }
end


local function choice(values, default)
  return { type = "string", one_of = values, default = default, required = default ~= nil or nil }
end


local fields = {
  { host = typedefs.host { default = "localhost" } },
  { port = typedefs.port { default = 8125 } },
  { prefix = { type = "string", default = "kong", description = "Begins the names of metrics." } },
  { metrics = {
    type = "array",
    default = DEFAULT_METRICS,
    elements = {
      type = "record",
      fields = {
        { name = { type = "string", required = true, one_of = METRICS } },
        { stat_type = { type = "string", required = true, one_of = STAT_TYPES } },
        { sample_rate = { type = "number", gt = 0 } },
        { consumer_identifier = choice(CONSUMER_IDENTIFIERS) },
        { service_identifier = choice(SERVICE_IDENTIFIERS) },
        { workspace_identifier = choice(WORKSPACE_IDENTIFIERS) },
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
  { allow_status_codes = {
    type = "array",
    elements = { type = "string", match = "^[0-9]+-[0-9]+$" },
    description = "Ranges of statuses that count; all when unset.",
  } },
  { udp_packet_size = {
    type = "number",
    between = { 0, 65507 },
    default = 0,
    description = "Joins metrics into datagrams up to this many bytes; 0 for one metric each.",
  } },
  { use_tcp = { type = "boolean", default = false } },
  { hostname_in_prefix = { type = "boolean", default = false } },
  { consumer_identifier_default = choice(CONSUMER_IDENTIFIERS, "custom_id") },
  { service_identifier_default = choice(SERVICE_IDENTIFIERS, "service_name_or_host") },
  { workspace_identifier_default = choice(WORKSPACE_IDENTIFIERS, "workspace_id") },
  { tag_style = {
    type = "string",
    required = false,
    one_of = { "dogstatsd", "influxdb", "librato", "signalfx" },
    description = "Sends what metrics belong to as tags, in this notation.",
  } },
  { queue = typedefs.queue },
}
queue_fields.add_deprecated(fields, "statsd", { retry_count = 10, queue_size = 1, flush_timeout = 2 })


return {
  name = "statsd",
  fields = {
    { protocols = typedefs.protocols },
    { config = { type = "record", fields = fields } },
  },
}
