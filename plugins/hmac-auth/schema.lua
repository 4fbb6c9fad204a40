local typedefs = require "kong.db.schema.typedefs"


local ALGORITHMS = { "hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512" }


local function flag(description)
  return { type = "boolean", required = true, default = false, description = description }
end


return {
  name = "hmac-auth",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { hide_credentials = flag("Removes the signature from the request before it is proxied.") },
        { clock_skew = {
          type = "number",
          default = 300,
          gt = 0,
          description = "Seconds that the request's date may be off.",
        } },
        { anonymous = {
          type = "string",
          description = "Id or username of the consumer that requests without a valid signature act as.",
        } },
        { validate_request_body = flag("Compares the body with the Digest header.") },
        { enforce_headers = {
          type = "array",
          elements = { type = "string" },
          default = {},
          description = "Headers that have to be signed.",
        } },
        { algorithms = {
          type = "array",
          elements = { type = "string", one_of = ALGORITHMS },
          default = ALGORITHMS,
          description = "Algorithms that are accepted.",
        } },
        { realm = { type = "string", description = "The realm named in the WWW-Authenticate challenge." } },
      },
    } },
  },
}
