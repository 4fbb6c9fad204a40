local typedefs = require "kong.db.schema.typedefs"


return {
  name = "standard-webhooks",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { secret_v1 = {
          type = "string",
          required = true,
          referenceable = true,
          encrypted = true,
          description = "The secret that webhooks are signed with.",
        } },
        { tolerance_second = {
          type = "integer",
          required = true,
          gt = -1,
          default = 300,
          description = "Seconds after which a webhook is too old.",
        } },
      },
    } },
  },
}
