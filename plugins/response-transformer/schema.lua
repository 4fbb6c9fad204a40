local pairs_list = require "kong.tools.pairs_list"
local typedefs = require "kong.db.schema.typedefs"


local PAIR = "^[^:]+:.*$"


local function list(element)
  element.type = "string"
  return { type = "array", required = true, default = {}, elements = element }
end


-- `add`, `replace` and `append`, whose JSON values may have a type.
local function valued()
  return {
    type = "record",
    fields = {
      { json = list { match = PAIR } },
      { json_types = list { one_of = { "boolean", "number", "string" } } },
      { headers = list { match = PAIR } },
    },
  }
end


return {
  name = "response-transformer",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { remove = { type = "record", fields = { { json = list {} }, { headers = list {} } } } },
        { rename = {
          type = "record",
          fields = {
            { json = list { match = PAIR } },
            { headers = list { match = PAIR, custom_validator = pairs_list.check_header_pair } },
          },
        } },
        { replace = valued() },
        { add = valued() },
        { append = valued() },
      },
    } },
  },
}
