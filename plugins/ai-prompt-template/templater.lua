-- Fills the {{placeholders}} of a template with properties of a request.
local cjson = require "cjson.safe"

local concat = table.concat
local encode = cjson.encode
local gmatch = string.gmatch
local gsub = string.gsub
local pairs = pairs
local sub = string.sub
local type = type

local PLACEHOLDER = "{{([%w_]+)}}"

local templater = {}


-- Values as they have to look inside of a JSON string: table | nil, err.
local function escape_all(properties)
  if type(properties) ~= "table" then
    return nil, "properties must be an object"
  end
  local out = {}
  for name, value in pairs(properties) do
    if type(name) ~= "string" then
      return nil, "properties must be an object"
    end
    if type(value) ~= "string" then
      return nil, "property values must be a string, got " .. type(value)
    end
    out[name] = sub(encode(value), 2, -2)
  end
  return out
end


-- template: { template = text }. Returns the text | nil, err.
function templater.render(template, properties)
  local values, err = escape_all(properties)
  if not values then
    return nil, err
  end
  local missing, seen = {}, {}
  for name in gmatch(template.template, PLACEHOLDER) do
    if not values[name] and not seen[name] then
      seen[name] = true
      missing[#missing + 1] = "[" .. name .. "]"
    end
  end
  if missing[1] then
    return nil, "missing template parameters: " .. concat(missing, ", ")
  end
  return (gsub(template.template, PLACEHOLDER, values))
end


return templater
