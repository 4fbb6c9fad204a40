-- The snis entity: names under which a certificate is served.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local typedefs = require "kong.db.schema.typedefs"

return {
  name = "snis",
  primary_key = { "id" },
  endpoint_key = "name",
  workspaceable = true,
  dao = "kong.db.dao.snis",

  fields = {
    { id = typedefs.uuid, },
    { name = typedefs.wildcard_sni { required = true, unique = true, unique_across_ws = true, }, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
    { tags = typedefs.tags, },
    { certificate = { type = "foreign", reference = "certificates", required = true, }, },
  },
}
