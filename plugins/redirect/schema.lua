local typedefs = require "kong.db.schema.typedefs"


return {
  name = "redirect",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { status_code = {
          type = "integer",
          required = true,
          default = 301,
          between = { 100, 599 },
          description = "Status of the answer.",
        } },
        { location = typedefs.url { required = true, description = "Where clients are sent." } },
        { keep_incoming_path = {
          type = "boolean",
          default = false,
          description = "Sends clients to the path and query of their request, on the other host.",
        } },
      },
    } },
  },
}
