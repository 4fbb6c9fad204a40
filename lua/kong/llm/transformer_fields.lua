-- Schema pieces of the plugins that have a model rewrite bodies. Used by ai-request-transformer and ai-response-transformer.
local config_schema = require("kong.llm").config_schema
local typedefs = require "kong.db.schema.typedefs"

local transformer_fields = {}


-- The fields of `config`; `extra` is one more of them or nil.
function transformer_fields.new(extra)
  local fields = {
    { prompt = {
      type = "string",
      required = true,
      description = "What the model is told to do with a body.",
    } },
    { transformation_extract_pattern = {
      type = "string",
      required = false,
      description = "Regular expression for the part of the model's answer to use.",
    } },
    { http_timeout = {
      type = "integer",
      required = true,
      default = 60000,
      description = "Timeout in milliseconds.",
    } },
    { https_verify = {
      type = "boolean",
      required = true,
      default = true,
      description = "Whether to verify the certificate of the model's server.",
    } },
    { max_request_body_size = {
      type = "integer",
      default = 8 * 1024,
      gt = 0,
      description = "Bytes of a body that is looked at, at most.",
    } },
    { http_proxy_host = typedefs.host },
    { http_proxy_port = typedefs.port },
    { https_proxy_host = typedefs.host },
    { https_proxy_port = typedefs.port },
    { llm = config_schema },
  }
  if extra then
    table.insert(fields, 3, extra)
  end
  return fields
end


transformer_fields.entity_checks = {
  { conditional = {
    if_field = "config.llm.route_type",
    if_match = { not_one_of = { "llm/v1/chat" } },
    then_field = "config.llm.route_type",
    then_match = { eq = "llm/v1/chat" },
    then_err = "'config.llm.route_type' must be 'llm/v1/chat' for AI transformer plugins",
  } },
  { mutually_required = { "config.http_proxy_host", "config.http_proxy_port" } },
  { mutually_required = { "config.https_proxy_host", "config.https_proxy_port" } },
}


return transformer_fields
