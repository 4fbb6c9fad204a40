-- The filter_chains entity: WebAssembly filters of a route or service. kgw runs none; configurations may carry them.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local typedefs = require "kong.db.schema.typedefs"

return {
  name = "filter_chains",
  primary_key = { "id" },
  endpoint_key = "name",
  admin_api_name = "filter-chains",
  workspaceable = true,
  cache_key = { "route", "service" },

  fields = {
    { id = typedefs.uuid, },
    { name = typedefs.utf8_name, },
    { enabled = { type = "boolean", required = true, default = true, }, },
    { route = { type = "foreign", reference = "routes", on_delete = "cascade", default = nil, unique = true, }, },
    { service = { type = "foreign", reference = "services", on_delete = "cascade", default = nil, unique = true, }, },
    { filters = {
      type = "array",
      required = true,
      len_min = 1,
      elements = { type = "record", fields = {
        { name = { type = "string", required = true, }, },
        { enabled = { type = "boolean", required = true, default = true, }, },
        { config = { type = "any", required = false, }, },
      }, },
    }, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
    { tags = typedefs.tags, },
  },

  entity_checks = {
    { mutually_exclusive = { "service", "route" } },
    { at_least_one_of = { "service", "route" } },
  },
}
