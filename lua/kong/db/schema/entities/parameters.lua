-- The parameters entity: internal key-value pairs.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local typedefs = require "kong.db.schema.typedefs"

return {
  name = "parameters",
  primary_key = { "key" },

  fields = {
    { created_at = typedefs.auto_timestamp_s, },
    { key = { type = "string", required = true, unique = true, }, },
    { value = { type = "string", required = true, }, },
  },
}
