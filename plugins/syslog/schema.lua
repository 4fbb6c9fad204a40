local severity = require "kong.tools.severity"
local typedefs = require "kong.db.schema.typedefs"


local fields = severity.fields(true)
fields[#fields + 1] = { custom_fields_by_lua = typedefs.lua_code }
fields[#fields + 1] = { facility = {
  type = "string",
  required = true,
  default = "user",
  one_of = { "auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "syslog", "user", "uucp",
             "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7" },
  description = "The facility of entries.",
} }


return {
  name = "syslog",
  fields = {
    { protocols = typedefs.protocols },
    { config = { type = "record", fields = fields } },
  },
}
