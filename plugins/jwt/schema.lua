local typedefs = require "kong.db.schema.typedefs"


local function names(default, description)
  return { type = "set", elements = { type = "string" }, default = default, description = description }
end


return {
  name = "jwt",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { uri_param_names = names({ "jwt" }, "Query arguments that may carry the token.") },
        { cookie_names = names({}, "Cookies that may carry the token.") },
        { key_claim_name = {
          type = "string",
          default = "iss",
          description = "The claim, or field of the token's header, that names the credential.",
        } },
        { secret_is_base64 = {
          type = "boolean",
          required = true,
          default = false,
          description = "Secrets of credentials are base64 of the key.",
        } },
        { claims_to_verify = {
          type = "set",
          elements = { type = "string", one_of = { "exp", "nbf" } },
          description = "Registered claims that have to be there and to hold.",
        } },
        { anonymous = {
          type = "string",
          description = "Id or username of the consumer that requests without a valid token act as.",
        } },
        { run_on_preflight = {
          type = "boolean",
          required = true,
          default = true,
          description = "Authenticates OPTIONS requests too.",
        } },
        { maximum_expiration = {
          type = "number",
          default = 0,
          between = { 0, 31536000 },
          description = "Seconds that a token may be valid from now; 0 for no limit.",
        } },
        { header_names = names({ "authorization" }, "Headers that may carry the token.") },
        { realm = { type = "string", required = false, description = "The realm named in the WWW-Authenticate challenge." } },
      },
    } },
  },
  entity_checks = {
    { conditional = {
      if_field = "config.maximum_expiration", if_match = { gt = 0 },
      then_field = "config.claims_to_verify", then_match = { contains = "exp" },
    } },
  },
}
