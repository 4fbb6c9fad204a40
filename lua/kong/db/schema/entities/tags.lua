-- The tags view: which entity carries which tag.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local typedefs = require "kong.db.schema.typedefs"

return {
  name = "tags",
  primary_key = { "tag" },
  endpoint_key = "tag",
  dao = "kong.db.dao.tags",
  db_export = false,

  fields = {
    { tag = typedefs.tag, },
    { entity_name = { type = "string", required = true, }, },
    { entity_id = typedefs.uuid { required = true, }, },
  },
}
