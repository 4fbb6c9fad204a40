local typedefs = require "kong.db.schema.typedefs"


return {
  name = "correlation-id",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { header_name = {
          type = "string",
          default = "Kong-Request-ID",
          description = "The request header that carries the identifier.",
        } },
        { generator = {
          type = "string",
          required = true,
          default = "uuid#counter",
          one_of = { "uuid", "uuid#counter", "tracker" },
          description = "How an identifier is made for requests that come without one.",
        } },
        { echo_downstream = {
          type = "boolean",
          required = true,
          default = false,
          description = "Sends the identifier back to the client.",
        } },
      },
    } },
  },
}
