local typedefs = require "kong.db.schema.typedefs"


return {
  name = "basic-auth",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { anonymous = {
          type = "string",
          description = "Id or username of the consumer that requests without a valid password act as.",
        } },
        { hide_credentials = {
          type = "boolean",
          required = true,
          default = false,
          description = "Removes the credentials from the request before it is proxied.",
        } },
        { realm = {
          type = "string",
          required = true,
          default = "service",
          description = "The realm named in the WWW-Authenticate challenge.",
        } },
      },
    } },
  },
}
