local Schema = require "kong.db.schema"
local typedefs = require "kong.db.schema.typedefs"


-- The plugin sets these itself.
local OWN_TAGS = {
  "error", "http.method", "http.path", "http.status_code", "kong.balancer.state", "kong.balancer.try", "kong.consumer",
  "kong.credential", "kong.node.id", "kong.route", "kong.service", "lc", "peer.hostname",
}


local function check_tags(tags)
  local seen = {}
  for _, tag in ipairs(type(tags) == "table" and tags or {}) do
    if seen[tag.name] then
      return nil, "repeated tags are not allowed: " .. tag.name
    end
    seen[tag.name] = true
  end
  return true
end


local static_tag = Schema.define {
  type = "record",
  fields = {
    { name = { type = "string", required = true, not_one_of = OWN_TAGS } },
    { value = { type = "string", required = true } },
  },
}


local function replaced(name, by, old_default)
  return {
    message = "zipkin: config." .. name .. " is deprecated, please use config." .. by .. " instead",
    removal_in_version = "4.0",
    old_default = old_default,
  }
end


local fields = {
  { local_service_name = {
    type = "string",
    required = true,
    default = "kong",
    description = "What Zipkin calls the gateway.",
  } },
  { http_endpoint = typedefs.url },
  { sample_ratio = {
    type = "number",
    default = 0.001,
    between = { 0, 1 },
    description = "The part of requests that are sampled, of those whose client did not decide.",
  } },
  { default_service_name = { type = "string", description = "Name of the other side of spans without a service." } },
  { include_credential = {
    type = "boolean",
    required = true,
    default = true,
    description = "Whether spans tell the id of the consumer's credential.",
  } },
  { traceid_byte_count = {
    type = "integer",
    required = true,
    default = 16,
    one_of = { 8, 16 },
    description = "Length of new trace ids.",
  } },
  { header_type = {
    type = "string",
    required = true,
    default = "preserve",
    one_of = { "preserve", "ignore", "b3", "b3-single", "w3c", "jaeger", "ot", "aws", "datadog", "gcp" },
    deprecation = replaced("header_type", "propagation options", "preserve"),
    description = "The headers to expect in requests.",
  } },
  { default_header_type = {
    type = "string",
    required = true,
    default = "b3",
    one_of = { "b3", "b3-single", "w3c", "jaeger", "ot", "aws", "datadog", "gcp" },
    deprecation = replaced("default_header_type", "propagation.default_format", "b3"),
    description = "The headers to set when the request has none.",
  } },
  { tags_header = {
    type = "string",
    required = true,
    default = "Zipkin-Tags",
    description = "The header in which a client adds tags of its own.",
  } },
  { static_tags = {
    type = "array",
    elements = static_tag,
    custom_validator = check_tags,
    description = "Tags that each request's span gets.",
  } },
  { http_span_name = {
    type = "string",
    required = true,
    default = "method",
    one_of = { "method", "method_path" },
    description = "What spans are called after.",
  } },
  { connect_timeout = typedefs.timeout { default = 2000 } },
  { send_timeout = typedefs.timeout { default = 5000 } },
  { read_timeout = typedefs.timeout { default = 5000 } },
  { http_response_header_for_traceid = {
    type = "string",
    description = "The header of the response that tells the trace id.",
  } },
  { phase_duration_flavor = {
    type = "string",
    required = true,
    default = "annotations",
    one_of = { "annotations", "tags" },
    description = "How the times of the phases are told.",
  } },
  { queue = typedefs.queue },
  { propagation = typedefs.propagation { default = { default_format = "b3" } } },
}


return {
  name = "zipkin",
  fields = {
    { protocols = typedefs.protocols },
    { config = { type = "record", fields = fields } },
  },
}
