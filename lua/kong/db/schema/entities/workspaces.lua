-- The workspaces entity; the open source gateway has one, named default.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local typedefs = require "kong.db.schema.typedefs"

return {
  name = "workspaces",
  primary_key = { "id" },
  cache_key = { "name" },
  endpoint_key = "name",
  dao = "kong.db.dao.workspaces",

  fields = {
    { id = typedefs.uuid, },
    { name = typedefs.utf8_name { required = true, }, },
    { comment = { type = "string", }, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
    { meta = { type = "record", required = true, fields = {
      { color = { type = "string", }, },
      { thumbnail = { type = "string", }, },
    }, }, },
    { config = { type = "record", required = true, fields = {
      { meta = { type = "record", required = true, fields = {}, }, },
    }, }, },
  },
}
