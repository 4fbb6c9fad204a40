local typedefs = require "kong.db.schema.typedefs"


local UNITS = { "megabytes", "kilobytes", "bytes" }


return {
  name = "request-size-limiting",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { allowed_payload_size = {
          type = "integer",
          default = 128,
          description = "The largest body that is let in.",
        } },
        { size_unit = {
          type = "string",
          required = true,
          default = "megabytes",
          one_of = UNITS,
          description = "The unit of `allowed_payload_size`.",
        } },
        { require_content_length = {
          type = "boolean",
          required = true,
          default = false,
          description = "Refuses requests that do not tell the length of their body.",
        } },
      },
    } },
  },
}
