local typedefs = require "kong.db.schema.typedefs"


local function patterns(description)
  return { type = "array", elements = { type = "string", is_regex = true }, default = {}, description = description }
end


return {
  name = "bot-detection",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { allow = patterns("User agents that are let in, whatever else is said about them.") },
        { deny = patterns("User agents that are refused, besides the known bots.") },
      },
    } },
  },
}
