-- The targets entity: an address of an upstream.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local checks = require "kong.db.schema.checks"
local typedefs = require "kong.db.schema.typedefs"


local function check_target(target)
  local res = checks.parse_address(target)
  if not res then
    return nil, "Invalid target ('" .. target .. "'); not a valid hostname or ip address"
  end
  return true
end


return {
  name = "targets",
  primary_key = { "id" },
  cache_key = { "upstream", "target" },
  endpoint_key = "target",
  workspaceable = true,
  dao = "kong.db.dao.targets",

  fields = {
    { id = typedefs.uuid, },
    { created_at = typedefs.auto_timestamp_ms, },
    { updated_at = typedefs.auto_timestamp_ms, },
    { upstream = {
      type = "foreign", reference = "upstreams", required = true, on_delete = "cascade",
    }, },
    { target = { type = "string", required = true, custom_validator = check_target, }, },
    { weight = { type = "integer", default = 100, between = { 0, 65535 }, }, },
    { tags = typedefs.tags, },
  },
}
