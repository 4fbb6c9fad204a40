-- The consumers entity.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local typedefs = require "kong.db.schema.typedefs"

return {
  name = "consumers",
  primary_key = { "id" },
  endpoint_key = "username",
  workspaceable = true,
  dao = "kong.db.dao.consumers",

  fields = {
    { id = typedefs.uuid, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
    { username = { type = "string", unique = true, }, },
    { custom_id = { type = "string", unique = true, }, },
    { tags = typedefs.tags, },
  },

  entity_checks = {
    { at_least_one_of = { "custom_id", "username" } },
  },
}
