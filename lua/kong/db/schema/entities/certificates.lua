-- The certificates entity: a certificate and key served to clients or shown to upstreams.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local certs = require "kong.db.certs"
local typedefs = require "kong.db.schema.typedefs"
local value = require "kong.db.schema.value"


local function pair_matches(cert_name, key_name, message)
  return {
    custom_entity_check = {
      field_sources = { cert_name, key_name },
      fn = function(entity)
        local cert, key = entity[cert_name], entity[key_name]
        if type(cert) ~= "string" or type(key) ~= "string" then
          return true
        end
        if value.is_reference(cert) or value.is_reference(key) or certs.match(cert, key) then
          return true
        end
        return nil, message
      end,
    },
  }
end


return {
  name = "certificates",
  primary_key = { "id" },
  workspaceable = true,
  dao = "kong.db.dao.certificates",

  fields = {
    { id = typedefs.uuid, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
    { cert = typedefs.certificate { required = true, referenceable = true, }, },
    { key = typedefs.key { required = true, referenceable = true, encrypted = true, }, },
    { cert_alt = typedefs.certificate { required = false, referenceable = true, }, },
    { key_alt = typedefs.key { required = false, referenceable = true, encrypted = true, }, },
    -- Names to serve it under; they are rows of their own.
    { snis = { type = "array", elements = { type = "string", }, required = false, transient = true, }, },
    { tags = typedefs.tags, },
  },

  entity_checks = {
    { mutually_required = { "cert_alt", "key_alt" } },
    pair_matches("cert", "key", "certificate does not match key"),
    pair_matches("cert_alt", "key_alt", "alternative certificate does not match key"),
    { custom_entity_check = {
      field_sources = { "cert", "cert_alt" },
      fn = function(entity)
        local cert, alt = entity.cert, entity.cert_alt
        if type(cert) ~= "string" or type(alt) ~= "string" then
          return true
        end
        local kind = certs.key_type(cert)
        if kind and kind == certs.key_type(alt) then
          return nil, "certificate and alternative certificate need to have different type "
                      .. "(e.g. RSA and ECDSA), the provided certificates were both of the same type"
        end
        return true
      end,
    }, },
  },
}
