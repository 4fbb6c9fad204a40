local redis = require "kong.tools.redis.schema"
local reserved_words = require "kong.plugins.acme.reserved_words"
local typedefs = require "kong.db.schema.typedefs"


local function text(description, more)
  local field = more or {}
  field.type, field.description = "string", description
  return field
end


local function secret(description)
  return { type = "string", encrypted = true, referenceable = true, description = description }
end


local function check_namespace(namespace)
  for _, word in pairs(reserved_words) do
    if namespace:sub(1, #word) == word then
      return nil, "namespace can't be prefixed with reserved word: " .. word
    end
  end
  return true
end


local function old_redis_field(name, kind, path, more)
  local field = more or {}
  field.type = kind
  field.deprecation = {
    replaced_with = { { path = path } },
    message = "acme: config.storage_config.redis." .. name .. " is deprecated, please use config.storage_config.redis."
              .. table.concat(path, ".") .. " instead",
    removal_in_version = "4.0",
  }
  field.func = function(value)
    if path[2] then
      return { [path[1]] = { [path[2]] = value } }
    end
    return { [path[1]] = value }
  end
  return { [name] = field }
end


local function redis_fields()
  local fields = {}
  for i, field in ipairs(redis.config_schema.fields) do
    fields[i] = field
  end
  fields[#fields + 1] = { extra_options = {
    type = "record",
    description = "What only this plugin makes of Redis.",
    fields = {
      { namespace = text("What all keys begin with.", {
        required = true,
        default = "",
        len_min = 0,
        custom_validator = check_namespace,
      }) },
      { scan_count = { type = "number", default = 10, description = "Keys to ask for at a time." } },
    },
  } }
  return fields
end


local consul_fields = {
  { https = { type = "boolean", default = false, description = "Whether to connect with TLS." } },
  { host = typedefs.host },
  { port = typedefs.port },
  { kv_path = text("What all keys begin with.") },
  { timeout = { type = "number", description = "Timeout in milliseconds." } },
  { token = text("Token for access.", { referenceable = true }) },
}

local vault_fields = {
  { https = { type = "boolean", default = false, description = "Whether to connect with TLS." } },
  { host = typedefs.host },
  { port = typedefs.port },
  { kv_path = text("What all keys begin with.") },
  { timeout = { type = "number", description = "Timeout in milliseconds." } },
  { token = text("Token for access.", { referenceable = true }) },
  { tls_verify = { type = "boolean", default = true, description = "Whether to verify the certificate." } },
  { tls_server_name = text("Server name for TLS, if not the host.") },
  { auth_method = text("How to log in.", { default = "token", one_of = { "token", "kubernetes" } }) },
  { auth_path = text("Where to log in.") },
  { auth_role = text("Role to log in with.") },
  { jwt_path = text("File with the token to log in with.") },
}


local storage_config = {
  type = "record",
  fields = {
    { shm = { type = "record", fields = {
      { shm_name = text("Shared dictionary to keep things in.", {
        default = "kong",
        custom_validator = function(name)
          return ngx.shared[name]
        end,
      }) },
    } } },
    { kong = { type = "record", fields = {} } },
    { redis = {
      type = "record",
      fields = redis_fields(),
      shorthand_fields = {
        old_redis_field("auth", "string", { "password" }, { len_min = 0 }),
        old_redis_field("ssl_server_name", "string", { "server_name" }),
        old_redis_field("namespace", "string", { "extra_options", "namespace" }, { len_min = 0 }),
        old_redis_field("scan_count", "integer", { "extra_options", "scan_count" }),
      },
    } },
    { consul = { type = "record", fields = consul_fields } },
    { vault = { type = "record", fields = vault_fields } },
  },
}


local fields = {
  { account_email = {
    type = "string",
    match = "%w*%p*@+%w*%.?%w*",
    required = true,
    encrypted = true,
    referenceable = true,
    description = "Address of the account.",
  } },
  { account_key = {
    type = "record",
    required = false,
    description = "The account's private key.",
    fields = {
      { key_id = text("Id of the key.", { required = true }) },
      { key_set = text("Set that the key belongs to.") },
    },
  } },
  { api_uri = typedefs.url { default = "https://acme-v02.api.letsencrypt.org/directory" } },
  { tos_accepted = { type = "boolean", default = false, description = "Whether you agree to the terms of service." } },
  { eab_kid = secret("Key id of the external account.") },
  { eab_hmac_key = secret("HMAC key of the external account, in URL-safe Base64.") },
  { cert_type = text("Kind of the certificates' keys.", { default = "rsa", one_of = { "rsa", "ecc" } }) },
  { rsa_key_size = { type = "number", default = 4096, one_of = { 2048, 3072, 4096 }, description = "Bits of RSA keys." } },
  { renew_threshold_days = { type = "number", default = 14, description = "Days before its end that one is renewed." } },
  { domains = typedefs.hosts },
  { allow_any_domain = { type = "boolean", default = false, description = "Whether all domains are served." } },
  { fail_backoff_minutes = { type = "number", default = 5, description = "Minutes to wait after a failure." } },
  { storage = text("Where certificates are kept.", {
    default = "shm",
    one_of = { "kong", "shm", "redis", "consul", "vault" },
  }) },
  { storage_config = storage_config },
  { preferred_chain = text("Name of the chain of certificates to prefer.") },
  { enable_ipv4_common_name = { type = "boolean", default = true, description = "Whether addresses may be names." } },
}


local function check_storage(entity)
  local storage, conf = entity.config.storage, kong and kong.configuration
  if not conf then
    return true
  end
  if conf.database == "off" and conf.role ~= "data_plane" and storage == "kong" then
    return nil, "\"kong\" storage can't be used with dbless mode"
  end
  if conf.role == "control_plane" and storage == "shm" then
    return nil, "\"shm\" storage can't be used in Hybrid mode"
  end
  return true
end


local function redis_needs(name)
  return { conditional = {
    if_field = "config.storage",
    if_match = { eq = "redis" },
    then_field = "config.storage_config.redis." .. name,
    then_match = { required = true },
  } }
end


return {
  name = "acme",
  fields = {
    { consumer = typedefs.no_consumer },
    { service = typedefs.no_service },
    { route = typedefs.no_route },
    { protocols = typedefs.protocols_http },
    { config = { type = "record", fields = fields } },
  },
  entity_checks = {
    { conditional = {
      if_field = "config.api_uri",
      if_match = {
        one_of = { "https://acme-v02.api.letsencrypt.org", "https://acme-staging-v02.api.letsencrypt.org" },
      },
      then_field = "config.tos_accepted",
      then_match = { eq = true },
      then_err = "terms of service must be accepted, see https://letsencrypt.org/repository/",
    } },
    redis_needs("host"),
    redis_needs("port"),
    { custom_entity_check = { field_sources = { "config.storage" }, fn = check_storage } },
  },
}
