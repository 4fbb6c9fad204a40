local typedefs = require "kong.db.schema.typedefs"


return {
  name = "grpc-web",
  fields = {
    { protocols = typedefs.protocols },
    { config = {
      type = "record",
      fields = {
        { proto = {
          type = "string",
          required = false,
          description = "File that describes the service; needed for clients that send JSON.",
        } },
        { pass_stripped_path = {
          type = "boolean",
          required = false,
          description = "Whether the service gets the path without the route's prefix.",
        } },
        { allow_origin_header = {
          type = "string",
          required = false,
          default = "*",
          description = "Value of Access-Control-Allow-Origin in responses.",
        } },
      },
    } },
  },
}
