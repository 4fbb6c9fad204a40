local secret = require "kong.plugins.oauth2.secret"
local typedefs = require "kong.db.schema.typedefs"
local url = require "socket.url"

local null = ngx.null


local function check_uri(uri)
  local parts = url.parse(uri)
  if not parts or not parts.host or not parts.scheme then
    return nil, "cannot parse '" .. uri .. "'"
  end
  if parts.fragment ~= nil then
    return nil, "fragment not allowed in '" .. uri .. "'"
  end
  return true
end


local function optional(reference)
  return { type = "foreign", reference = reference, default = null, on_delete = "cascade" }
end


local function needed(reference)
  return { type = "foreign", reference = reference, required = true, on_delete = "cascade" }
end


return {
  {
    name = "oauth2_credentials",
    primary_key = { "id" },
    cache_key = { "client_id" },
    endpoint_key = "client_id",
    workspaceable = true,
    admin_api_name = "oauth2",
    fields = {
      { id = typedefs.uuid },
      { created_at = typedefs.auto_timestamp_s },
      { consumer = needed("consumers") },
      { name = { type = "string", required = true } },
      { client_id = { type = "string", required = false, unique = true, auto = true } },
      { client_secret = { type = "string", required = false, auto = true, encrypted = true } },
      { hash_secret = { type = "boolean", required = true, default = false } },
      { redirect_uris = {
        type = "array",
        required = false,
        elements = { type = "string", custom_validator = check_uri },
      } },
      { tags = typedefs.tags },
      { client_type = {
        type = "string",
        required = true,
        default = "confidential",
        one_of = { "confidential", "public" },
      } },
    },
    transformations = {
      {
        input = { "hash_secret" },
        needs = { "client_secret" },
        on_write = function(hash_secret, client_secret)
          return hash_secret and { client_secret = assert(secret.hash(client_secret)) } or {}
        end,
      },
    },
  },
  {
    name = "oauth2_authorization_codes",
    primary_key = { "id" },
    ttl = true,
    workspaceable = true,
    generate_admin_api = false,
    db_export = false,
    fields = {
      { id = typedefs.uuid },
      { created_at = typedefs.auto_timestamp_s },
      { service = optional("services") },
      { credential = needed("oauth2_credentials") },
      { code = { type = "string", required = false, unique = true, auto = true } },
      { authenticated_userid = { type = "string", required = false } },
      { scope = { type = "string" } },
      { challenge = { type = "string", required = false } },
      { challenge_method = { type = "string", required = false, one_of = { "S256" } } },
      { plugin = optional("plugins") },
    },
  },
  {
    name = "oauth2_tokens",
    primary_key = { "id" },
    endpoint_key = "access_token",
    cache_key = { "access_token" },
    ttl = true,
    workspaceable = true,
    fields = {
      { id = typedefs.uuid },
      { created_at = typedefs.auto_timestamp_s },
      { service = optional("services") },
      { credential = needed("oauth2_credentials") },
      { token_type = { type = "string", required = true, one_of = { "bearer" }, default = "bearer" } },
      { expires_in = { type = "integer", required = true } },
      { access_token = { type = "string", required = false, unique = true, auto = true } },
      { refresh_token = { type = "string", required = false, unique = true } },
      { authenticated_userid = { type = "string", required = false } },
      { scope = { type = "string" } },
    },
  },
}
