local typedefs = require "kong.db.schema.typedefs"


local function flag(description, default)
  return { type = "boolean", default = default or false, description = description }
end


local function secret(description)
  return { type = "string", encrypted = true, referenceable = true, description = description }
end


local function choice(default, others, description)
  local values = { default }
  for _, other in ipairs(others) do
    values[#values + 1] = other
  end
  return { type = "string", required = true, default = default, one_of = values, description = description }
end


local function check_proxy(entity)
  local url = entity.config and entity.config.proxy_url
  local scheme = type(url) == "string" and url:match("^([^:]+)://")
  if scheme and scheme ~= "http" then
    return nil, "proxy_url scheme must be http"
  end
  return true
end


local MS = { type = "number", required = true, default = 60000 }

local fields = {
  { timeout = MS },
  { keepalive = MS },
  { aws_key = secret("Id of the access key.") },
  { aws_secret = secret("The access key's secret.") },
  { aws_assume_role_arn = secret("Role to take on before the function is called.") },
  { aws_role_session_name = {
    type = "string",
    default = "kong",
    description = "What the sessions of that role are called.",
  } },
  { aws_sts_endpoint_url = typedefs.url },
  { aws_region = typedefs.host },
  { function_name = { type = "string", required = false, description = "Name or ARN of the function." } },
  { qualifier = { type = "string", description = "Version or alias of the function." } },
  { invocation_type = choice("RequestResponse", { "Event", "DryRun" }, "How the function is called.") },
  { log_type = choice("Tail", { "None" }, "Whether the end of the function's log is asked for.") },
  { host = typedefs.host },
  { port = typedefs.port { default = 443 } },
  { disable_https = flag("Whether to connect without TLS.") },
  { unhandled_status = {
    type = "integer",
    between = { 100, 999 },
    description = "Status of responses when the function failed.",
  } },
  { forward_request_method = flag("Whether the function gets the method.") },
  { forward_request_uri = flag("Whether the function gets the URI and its arguments.") },
  { forward_request_headers = flag("Whether the function gets the headers.") },
  { forward_request_body = flag("Whether the function gets the body.") },
  { is_proxy_integration = flag("Whether the function returns status, headers and body of a response.") },
  { awsgateway_compatible = flag("Whether the function gets requests as Amazon's API gateway sends them.") },
  { proxy_url = typedefs.url },
  { skip_large_bodies = flag("Whether bodies that are kept in files are left out.", true) },
  { base64_encode_body = flag("Whether bodies are sent in Base64.", true) },
  { aws_imds_protocol_version = choice("v1", { "v2" }, "Version of the instance metadata service.") },
  { empty_arrays_mode = choice("legacy", { "correct" },
                               "How empty arrays of the function are passed on: as {} or as [].") },
}


return {
  name = "aws-lambda",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = { type = "record", fields = fields } },
  },
  entity_checks = {
    { mutually_required = { "config.aws_key", "config.aws_secret" } },
    { custom_entity_check = { field_sources = { "config.proxy_url" }, fn = check_proxy } },
  },
}
