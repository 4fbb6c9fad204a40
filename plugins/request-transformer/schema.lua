local pairs_list = require "kong.tools.pairs_list"
local template = require "kong.plugins.request-transformer.template"
local typedefs = require "kong.db.schema.typedefs"


-- "name:value", where the value may be a template.
local function check_pair(entry)
  local name, value = entry:match("^([^:]+):*(.-)$")
  if not name or value == "" then
    return false, "key '" .. (name or entry) .. "' has no value"
  end
  local ok, err = template.check(value)
  if not ok then
    return false, "value '" .. value .. "' is not in supported format, error:" .. err
  end
  return true
end


local function list(element, description)
  element.type = "string"
  return { type = "array", required = true, default = {}, elements = element, description = description }
end


local function operation(plain, headers, more)
  local fields = {
    { body = list { custom_validator = plain } },
    { headers = list { match = headers.match, custom_validator = headers.check } },
    { querystring = list { custom_validator = plain } },
  }
  fields[#fields + 1] = more
  return { type = "record", fields = fields }
end


local NAMES = { check = pairs_list.check_header }
local VALUES = { match = "^[^:]+:.*$", check = pairs_list.check_header }
local RENAMES = { match = "^[^:]+:.*$", check = pairs_list.check_header_pair }


return {
  name = "request-transformer",
  fields = {
    { protocols = typedefs.protocols },
    { config = {
      type = "record",
      fields = {
        { http_method = typedefs.http_method },
        { remove = operation(nil, NAMES) },
        { rename = operation(check_pair, RENAMES) },
        { replace = operation(check_pair, VALUES, { uri = {
          type = "string",
          description = "The path to send to the upstream, which may be a template.",
        } }) },
        { add = operation(check_pair, VALUES) },
        { append = operation(check_pair, VALUES) },
      },
    } },
  },
}
