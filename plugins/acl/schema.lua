local typedefs = require "kong.db.schema.typedefs"


local function groups(description)
  return { type = "array", elements = { type = "string" }, description = description }
end


local function flag(description)
  return { type = "boolean", required = true, default = false, description = description }
end


return {
  name = "acl",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { allow = groups("Groups that are let in, and nobody else.") },
        { deny = groups("Groups that are refused.") },
        { hide_groups_header = flag("Does not tell the upstream the consumer's groups.") },
        { always_use_authenticated_groups = flag("Prefers groups that an authentication plugin found to the "
                                                 .. "consumer's own.") },
      },
    } },
  },
  entity_checks = {
    { only_one_of = { "config.allow", "config.deny" } },
    { at_least_one_of = { "config.allow", "config.deny" } },
  },
}
