-- The `redis` record of plugin configurations, and the flat redis_* names that it replaced.
-- Used by plugin schemas. Must never connect: see kong.tools.redis.connection.
local typedefs = require "kong.db.schema.typedefs"

local schema = {}


schema.config_schema = {
  type = "record",
  description = "The Redis server and how to connect to it.",
  fields = {
    { host = typedefs.host },
    { port = typedefs.port { default = 6379 } },
    { timeout = typedefs.timeout { default = 2000 } },
    { username = {
      type = "string",
      referenceable = true,
      description = "User to authenticate as (Redis 6 and later).",
    } },
    { password = {
      type = "string",
      len_min = 0,
      encrypted = true,
      referenceable = true,
      description = "Password to authenticate with; none is sent when empty.",
    } },
    { database = { type = "integer", default = 0, description = "Number of the database." } },
    { ssl = { type = "boolean", required = false, default = false, description = "Connects over TLS." } },
    { ssl_verify = {
      type = "boolean",
      required = false,
      default = false,
      description = "Verifies the server's certificate.",
    } },
    { server_name = typedefs.sni { required = false } },
  },
}


local FLAT_NAMES = {
  { "host", "string" },
  { "port", "integer" },
  { "password", "string" },
  { "username", "string" },
  { "ssl", "boolean" },
  { "ssl_verify", "boolean" },
  { "server_name", "string" },
  { "timeout", "integer" },
  { "database", "integer" },
}


-- Shorthand fields redis_host and so on, each with a deprecation that names the plugin.
function schema.flat_fields(plugin)
  local fields = {}
  for i, entry in ipairs(FLAT_NAMES) do
    local name, kind = entry[1], entry[2]
    local flat = "redis_" .. name
    fields[i] = { [flat] = {
      type = kind,
      len_min = name == "password" and 0 or nil,
      deprecation = {
        replaced_with = { { path = { "redis", name } } },
        message = ("%s: config.%s is deprecated, please use config.redis.%s instead"):format(plugin, flat, name),
        removal_in_version = "4.0",
      },
      func = function(value)
        return { redis = { [name] = value } }
      end,
    } }
  end
  return fields
end


return schema
