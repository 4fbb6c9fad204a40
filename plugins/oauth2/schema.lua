local typedefs = require "kong.db.schema.typedefs"


local FLOWS = { "enable_authorization_code", "enable_implicit_grant", "enable_client_credentials",
                "enable_password_grant" }


local function check_flows(config)
  for _, name in ipairs(FLOWS) do
    if config[name] then
      return true
    end
  end
  return nil, "at least one of these fields must be true: " .. table.concat(FLOWS, ", ")
end


local function flag(description)
  return { type = "boolean", required = true, default = false, description = description }
end


return {
  name = "oauth2",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { scopes = {
          type = "array",
          elements = { type = "string" },
          description = "Scopes that clients may ask for.",
        } },
        { mandatory_scope = flag("Clients have to ask for a scope.") },
        { provision_key = {
          type = "string",
          unique = true,
          auto = true,
          required = true,
          encrypted = true,
          description = "The key by which the application that asks users is known.",
        } },
        { token_expiration = {
          type = "number",
          required = true,
          default = 7200,
          description = "Seconds for which a token is good; 0 for ever.",
        } },
        { enable_authorization_code = flag("Enables the authorization code grant.") },
        { enable_implicit_grant = flag("Enables the implicit grant.") },
        { enable_client_credentials = flag("Enables the client credentials grant.") },
        { enable_password_grant = flag("Enables the resource owner password grant.") },
        { hide_credentials = flag("Removes the token from the request before it is proxied.") },
        { accept_http_if_already_terminated = flag("Accepts requests that a trusted proxy received over TLS.") },
        { anonymous = {
          type = "string",
          description = "Id or username of the consumer that requests without a valid token act as.",
        } },
        { global_credentials = flag("Tokens are good for every service with this setting.") },
        { auth_header_name = {
          type = "string",
          default = "authorization",
          description = "The header that carries the token.",
        } },
        { refresh_token_ttl = typedefs.ttl { default = 1209600, required = true } },
        { reuse_refresh_token = flag("Keeps a refresh token after it was used.") },
        { pkce = {
          type = "string",
          default = "lax",
          required = false,
          one_of = { "none", "lax", "strict" },
          description = "Which clients have to use PKCE: none, public ones, all.",
        } },
        { realm = { type = "string", description = "The realm named in the WWW-Authenticate challenge." } },
      },
      custom_validator = check_flows,
      entity_checks = {
        { conditional = {
          if_field = "mandatory_scope", if_match = { eq = true },
          then_field = "scopes", then_match = { required = true },
        } },
      },
    } },
  },
}
