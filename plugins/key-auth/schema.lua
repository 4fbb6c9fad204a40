local typedefs = require "kong.db.schema.typedefs"


local function flag(default, description)
  return { type = "boolean", required = true, default = default, description = description }
end


return {
  name = "key-auth",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { key_names = {
          type = "array",
          required = true,
          elements = typedefs.header_name,
          default = { "apikey" },
          description = "Names of the headers, query arguments or body fields that may carry the key.",
        } },
        { hide_credentials = flag(false, "Removes the key from the request before it is proxied.") },
        { anonymous = {
          type = "string",
          description = "Id or username of the consumer that requests without a valid key act as.",
        } },
        { key_in_header = flag(true, "Looks for the key in the headers.") },
        { key_in_query = flag(true, "Looks for the key in the query string.") },
        { key_in_body = flag(false, "Looks for the key in a form, multipart or JSON body.") },
        { run_on_preflight = flag(true, "Authenticates OPTIONS requests too.") },
        { realm = { type = "string", required = false, description = "The realm named in the WWW-Authenticate challenge." } },
      },
    } },
  },
}
