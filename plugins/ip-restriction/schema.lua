local typedefs = require "kong.db.schema.typedefs"


local function addresses(description)
  return { type = "array", elements = typedefs.ip_or_cidr, description = description }
end


return {
  name = "ip-restriction",
  fields = {
    { protocols = typedefs.protocols { default = { "http", "https", "tcp", "tls", "grpc", "grpcs" } } },
    { config = {
      type = "record",
      fields = {
        { allow = addresses("Addresses or CIDR blocks that are let in, and no others.") },
        { deny = addresses("Addresses or CIDR blocks that are refused.") },
        { status = { type = "number", description = "Status of the refusal." } },
        { message = { type = "string", description = "Message of the refusal." } },
      },
    } },
  },
  entity_checks = {
    { at_least_one_of = { "config.allow", "config.deny" } },
  },
}
