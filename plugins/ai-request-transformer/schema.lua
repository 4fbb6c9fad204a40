local transformer_fields = require "kong.llm.transformer_fields"
local typedefs = require "kong.db.schema.typedefs"


return {
  name = "ai-request-transformer",
  fields = {
    { protocols = typedefs.protocols_http },
    { consumer = typedefs.no_consumer },
    { config = { type = "record", fields = transformer_fields.new() } },
  },
  entity_checks = transformer_fields.entity_checks,
}
