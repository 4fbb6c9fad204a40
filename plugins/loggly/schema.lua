local severity = require "kong.tools.severity"
local typedefs = require "kong.db.schema.typedefs"


local fields = {
  { host = typedefs.host { default = "logs-01.loggly.com" } },
  { port = typedefs.port { default = 514 } },
  { key = {
    type = "string",
    required = true,
    encrypted = true,
    referenceable = true,
    description = "The customer token.",
  } },
  { tags = { type = "set", default = { "kong" }, elements = { type = "string" }, description = "Tags of entries." } },
  { timeout = { type = "number", default = 10000, description = "Timeout in milliseconds." } },
  { custom_fields_by_lua = typedefs.lua_code },
}
for _, field in ipairs(severity.fields()) do
  fields[#fields + 1] = field
end


return {
  name = "loggly",
  fields = {
    { protocols = typedefs.protocols },
    { config = { type = "record", fields = fields } },
  },
}
