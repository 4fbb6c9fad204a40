-- What the acme plugin may keep in a database: challenges, account and certificates by key.
local typedefs = require "kong.db.schema.typedefs"


return {
  {
    name = "acme_storage",
    primary_key = { "id" },
    cache_key = { "key" },
    ttl = true,
    workspaceable = false,
    fields = {
      { id = typedefs.uuid },
      { key = { type = "string", required = true, unique = true, auto = true } },
      { value = { type = "string", required = true } },
      { created_at = typedefs.auto_timestamp_s },
    },
  },
}
