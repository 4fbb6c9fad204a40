-- The ca_certificates entity: authorities that upstream and client certificates are checked with.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local certs = require "kong.db.certs"
local typedefs = require "kong.db.schema.typedefs"

return {
  name = "ca_certificates",
  primary_key = { "id" },
  dao = "kong.db.dao.ca_certificates",

  fields = {
    { id = typedefs.uuid, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
    { cert = typedefs.certificate { required = true, }, },
    { cert_digest = { type = "string", unique = true, }, },
    { tags = typedefs.tags, },
  },

  transformations = {
    {
      input = { "cert" },
      on_write = function(cert)
        local digest, err = certs.digest(cert)
        if not digest then
          return nil, err
        end
        return { cert_digest = digest }
      end,
    },
  },

  entity_checks = {
    { custom_entity_check = {
      field_sources = { "cert" },
      fn = function(entity)
        return certs.check_ca(entity.cert)
      end,
    }, },
  },
}
