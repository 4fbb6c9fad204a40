-- The clustering_data_planes entity: data planes a control plane has seen.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local typedefs = require "kong.db.schema.typedefs"

return {
  name = "clustering_data_planes",
  primary_key = { "id" },
  ttl = true,
  db_export = false,
  generate_admin_api = false,
  admin_api_name = "clustering/data-planes",

  fields = {
    { id = typedefs.uuid { required = true, }, },
    { last_seen = typedefs.auto_timestamp_s, },
    { ip = typedefs.ip { required = true, }, },
    { config_hash = { type = "string", len_eq = 32, }, },
    { hostname = typedefs.host { required = true, }, },
    { version = typedefs.semantic_version, },
    { sync_status = {
      type = "string",
      required = true,
      default = "unknown",
      one_of = {
        "unknown", "normal", "kong_version_incompatible", "plugin_set_incompatible",
        "plugin_version_incompatible", "filter_set_incompatible",
      },
    }, },
    { labels = { type = "map", keys = { type = "string", }, values = { type = "string", }, }, },
    { cert_details = { type = "record", fields = {
      { expiry_timestamp = { type = "number", timestamp = true, required = false, }, },
    }, }, },
  },
}
