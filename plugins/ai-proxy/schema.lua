local config_schema = require("kong.llm").config_schema
local typedefs = require "kong.db.schema.typedefs"


local LLM_FORMAT = {
  type = "string",
  default = "openai",
  required = false,
  one_of = { "openai", "bedrock", "gemini" },
  description = "Format of requests and responses.",
}

local config = { type = config_schema.type, entity_checks = config_schema.entity_checks, fields = {} }
for i, field in ipairs(config_schema.fields) do
  config.fields[i] = field
end
for _, field in ipairs({
  { response_streaming = {
    type = "string",
    default = "allow",
    required = false,
    one_of = { "allow", "deny", "always" },
    description = "Whether answers may, may not or must come as event streams.",
  } },
  { max_request_body_size = {
    type = "integer",
    default = 8 * 1024,
    gt = 0,
    description = "Bytes of a body that is looked at, at most.",
  } },
  { model_name_header = {
    type = "boolean",
    default = true,
    description = "Whether responses tell the model in X-Kong-LLM-Model.",
  } },
  { llm_format = LLM_FORMAT },
}) do
  config.fields[#config.fields + 1] = field
end


local function native(formats, field, value, err)
  return { conditional = {
    if_field = "config.llm_format",
    if_match = { one_of = formats },
    then_field = field,
    then_match = { eq = value },
    then_err = err,
  } }
end


local function needs_provider(format)
  local err = "native llm_format '" .. format .. "' can only be used with the '" .. format .. "' model.provider"
  return native({ format }, "config.model.provider", format, err)
end


return {
  name = "ai-proxy",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = config },
  },
  entity_checks = {
    native({ "bedrock", "gemini" }, "config.route_type", "llm/v1/chat",
           "native provider options in llm_format can only be used with the 'llm/v1/chat' route_type"),
    needs_provider("bedrock"),
    needs_provider("gemini"),
  },
}
