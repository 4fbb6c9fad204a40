local typedefs = require "kong.db.schema.typedefs"


local function flag(description)
  return { type = "boolean", required = true, default = false, description = description }
end


return {
  name = "ldap-auth",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { ldap_host = typedefs.host { required = true } },
        { ldap_port = typedefs.port { required = true, default = 389 } },
        { ldaps = flag("Connects over TLS.") },
        { start_tls = flag("Starts TLS on a plain connection.") },
        { verify_ldap_host = flag("Verifies the directory's certificate.") },
        { base_dn = { type = "string", required = true, description = "Where users are found." } },
        { attribute = { type = "string", required = true, description = "The attribute that names a user." } },
        { cache_ttl = {
          type = "number",
          required = true,
          default = 60,
          description = "Seconds for which an answer of the directory is kept.",
        } },
        { hide_credentials = flag("Removes the credentials from the request before it is proxied.") },
        { timeout = { type = "number", default = 10000, description = "Timeout in milliseconds." } },
        { keepalive = {
          type = "number",
          default = 60000,
          description = "Milliseconds for which an idle connection is kept.",
        } },
        { anonymous = {
          type = "string",
          description = "Id or username of the consumer that requests without a valid password act as.",
        } },
        { header_type = {
          type = "string",
          default = "ldap",
          description = "The scheme of the Authorization header.",
        } },
        { realm = { type = "string", description = "The realm named in the WWW-Authenticate challenge." } },
      },
      entity_checks = {
        { conditional = {
          if_field = "ldaps", if_match = { eq = true },
          then_field = "start_tls", then_match = { eq = false },
          then_err = "'ldaps' and 'start_tls' cannot be enabled simultaneously",
        } },
      },
    } },
  },
}
