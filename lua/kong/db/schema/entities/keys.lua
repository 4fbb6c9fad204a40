-- The keys entity: one key, as a JWK or as PEM texts.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local cjson = require "cjson.safe"
local typedefs = require "kong.db.schema.typedefs"
local value = require "kong.db.schema.value"


-- What a public key of each type consists of. Symmetric keys ("oct") are none.
local PARAMETERS = { RSA = { "n", "e" }, EC = { "crv", "x", "y" }, OKP = { "crv", "x" } }


local function has_all(jwk, names)
  for _, name in ipairs(names) do
    if type(jwk[name]) ~= "string" or jwk[name] == "" then
      return false
    end
  end
  return true
end


local function check_jwk(entity)
  local jwk = entity.jwk
  if type(jwk) ~= "string" or value.is_reference(jwk) then
    return true
  end
  local decoded = cjson.decode(jwk)
  if type(decoded) ~= "table" then
    return nil, "could not json decode jwk string"
  end
  if decoded.kid ~= entity.kid then
    return nil, "kid in jwk.kid must be equal to keys.kid"
  end
  local needed = PARAMETERS[decoded.kty]
  if not needed or not has_all(decoded, needed) then
    return nil, "could not load JWK, likely not a valid key"
  end
  return true
end


return {
  name = "keys",
  primary_key = { "id" },
  cache_key = { "kid", "set" },
  endpoint_key = "name",
  workspaceable = true,
  dao = "kong.db.dao.keys",

  fields = {
    { id = typedefs.uuid, },
    { set = { type = "foreign", reference = "key_sets", required = false, on_delete = "cascade", }, },
    { name = { type = "string", required = false, unique = true, }, },
    { kid = { type = "string", required = true, }, },
    { jwk = typedefs.jwk { referenceable = true, encrypted = true, }, },
    { pem = typedefs.pem, },
    { tags = typedefs.tags, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
  },

  entity_checks = {
    { mutually_exclusive = { "jwk", "pem" } },
    { at_least_one_of = { "jwk", "pem" } },
    { custom_entity_check = {
      field_sources = { "jwk", "pem", "kid" },
      run_with_missing_fields = true,
      fn = check_jwk,
    }, },
  },
}
