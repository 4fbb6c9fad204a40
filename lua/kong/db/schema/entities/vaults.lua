-- The vaults entity; the config record comes from the subschema of each vault.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local typedefs = require "kong.db.schema.typedefs"

return {
  name = "vaults",
  primary_key = { "id" },
  cache_key = { "prefix" },
  endpoint_key = "prefix",
  workspaceable = true,
  subschema_key = "name",
  subschema_error = "vault '%s' is not installed",
  dao = "kong.db.dao.vaults",

  fields = {
    { id = typedefs.uuid { len_min = 1, }, },
    -- Names of back ends are no prefixes: {vault://env/...} must stay unambiguous.
    { prefix = {
      type = "string",
      required = true,
      unique = true,
      unique_across_ws = true,
      len_min = 1,
      match = [[^[a-z][a-z%d-]-[a-z%d]+$]],
      not_one_of = { "env" },
    }, },
    { name = { type = "string", required = true, len_min = 1, }, },
    { description = { type = "string", len_min = 1, }, },
    { config = { type = "record", abstract = true, }, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
    { tags = typedefs.tags, },
  },
}
