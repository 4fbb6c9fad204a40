-- The key_sets entity: a named group of keys.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local typedefs = require "kong.db.schema.typedefs"

return {
  name = "key_sets",
  primary_key = { "id" },
  cache_key = { "name" },
  endpoint_key = "name",
  admin_api_name = "key-sets",
  workspaceable = true,
  dao = "kong.db.dao.key_sets",

  fields = {
    { id = typedefs.uuid, },
    { name = { type = "string", required = false, unique = true, }, },
    { tags = typedefs.tags, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
  },
}
