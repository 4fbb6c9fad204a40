local typedefs = require "kong.db.schema.typedefs"


return {
  name = "tcp-log",
  fields = {
    { protocols = typedefs.protocols },
    { config = {
      type = "record",
      fields = {
        { host = typedefs.host { required = true, description = "The server that entries are sent to." } },
        { port = typedefs.port { required = true, description = "Its port." } },
        { timeout = { type = "number", default = 10000, description = "Timeout in milliseconds." } },
        { keepalive = {
          type = "number",
          default = 60000,
          description = "Milliseconds for which an idle connection is kept.",
        } },
        { tls = { type = "boolean", required = true, default = false, description = "Connects over TLS." } },
        { tls_sni = { type = "string", description = "The server name to ask for over TLS." } },
        { custom_fields_by_lua = typedefs.lua_code },
      },
    } },
  },
}
