-- What can be set for the plugin: in the declarative file, or through the Admin API.
local typedefs = require "kong.db.schema.typedefs"

return {
  name = "hello",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
        type = "record",
        fields = {
          { header = { type = "string", default = "X-Hello" } },
          { greeting = { type = "string", required = true, default = "hello" } },
        },
      },
    },
  },
}
