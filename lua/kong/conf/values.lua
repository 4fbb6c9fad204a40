-- From the text of a property to its Lua value, and the checks that its type alone decides.
local properties = require "kong.conf.properties"
local strip = require("kong.conf.file").strip

local fmt = string.format


local function split_list(text)
  local out = {}
  if text == nil or strip(text) == "" then
    return out
  end
  for item in (text .. ","):gmatch("(.-),") do
    out[#out + 1] = strip(item)
  end
  return out
end


-- PEM text may hold commas nowhere, but a list of PEM blocks is one value: blocks are kept whole.
local function to_number(value)
  return tonumber(value)
end


local READ = {
  string = function(value)
    return value
  end,
  number = to_number,
  strict = to_number,
  boolean = function(value)
    return value == "on" or value == "true"
  end,
  option = function(value)
    return value == "on" or value == "true"
  end,
  flag = function(value)
    return (value == "on" or value == "true") and "on" or "off"
  end,
}


local function shown(name, value)
  return properties.sensitive[name] and properties.PLACEHOLDER or tostring(value)
end


--- The value of property `name` from `text` (nil or "" = not set).
-- Returns value, err, remark: err refuses the configuration, remark is a warning (the default is used then).
local function read(name, text)
  local property = properties.by_name[name]
  local kind = property and property.type or "string"
  if text == "" then
    text = nil
  end
  if kind == "list" then
    return split_list(text)
  end
  if type(kind) == "table" then
    for _, words in ipairs { kind, property.also or {} } do
      for _, word in ipairs(words) do
        if word == text then
          return text
        end
      end
    end
    return nil, fmt("%s has an invalid value: '%s' (%s)", name, shown(name, text), table.concat(kind, ", "))
  end
  if text == nil then
    if kind == "boolean" then
      return false
    end
    if kind == "flag" then
      return "off"
    end
    if kind == "strict" then
      return tonumber(property.default)
    end
    return nil
  end
  local value = READ[kind](text)
  if value == nil then
    local message = fmt("%s is not a number: '%s'", name, shown(name, text))
    if kind == "strict" then
      return nil, message
    end
    return tonumber(property.default), nil, message
  end
  return value
end


local UNITS = { [""] = 1, k = 1024, m = 1024 * 1024, g = 1024 * 1024 * 1024 }

--- Bytes of an nginx size ("8k", "10m", "0"). nil when it is none.
local function size(text)
  local number, unit = tostring(text or ""):match("^%s*(%d+)([kKmMgG]?)%s*$")
  return number and tonumber(number) * UNITS[unit:lower()]
end


local MS = { ms = 1, s = 1000, m = 60000, h = 3600000, d = 86400000, w = 604800000 }

--- Milliseconds of an nginx time ("75s", "1h 30m", "500ms", "60"). nil when it is none.
local function milliseconds(text)
  local total, rest = 0, strip(tostring(text or ""))
  if rest == "" then
    return nil
  end
  while rest ~= "" do
    local number, unit, after = rest:match("^(%d+)(%a*)%s*(.*)$")
    local factor = number and MS[unit == "" and "s" or unit]
    if not factor then
      return nil
    end
    total = total + tonumber(number) * factor
    rest = after
  end
  return total
end


return { read = read, split_list = split_list, size = size, milliseconds = milliseconds, shown = shown }
