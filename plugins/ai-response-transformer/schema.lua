local transformer_fields = require "kong.llm.transformer_fields"
local typedefs = require "kong.db.schema.typedefs"


local instructions = { parse_llm_response_json_instructions = {
  type = "boolean",
  required = true,
  default = false,
  description = "Whether the model's answer is JSON with headers, body and status.",
} }


return {
  name = "ai-response-transformer",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = { type = "record", fields = transformer_fields.new(instructions) } },
  },
  entity_checks = transformer_fields.entity_checks,
}
