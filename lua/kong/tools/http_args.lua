-- Query and form arguments as the Admin API reads them: nested tables, numbers first, "" as null.
local concat = table.concat
local fmt = string.format
local null = ngx.null
local pairs = pairs
local tonumber = tonumber
local sorted_keys = require("kong.tools.sort").keys
local tostring = tostring
local type = type

local http_args = {}


-- Every byte but letters, digits and "_" as %XX in lower case.
local function escape(text)
  return (text:gsub("[^A-Za-z0-9_]", function(c)
    return fmt("%%%02x", c:byte())
  end))
end


local function pair(name, value, raw)
  if raw then
    return value and name .. "=" .. value or name
  end
  name = escape(tostring(name))
  return value and name .. "=" .. escape(value) or name
end


local function add_nested(out, name, value, raw, no_indexes)
  for _, key in ipairs(sorted_keys(value)) do
    local child
    if type(key) == "number" then
      child = no_indexes and name .. "[]" or fmt("%s[%s]", name, tostring(key))
    else
      child = fmt("%s.%s", name, tostring(key))
    end
    if type(value[key]) == "table" then
      add_nested(out, child, value[key], raw, no_indexes)
    else
      out[#out + 1] = pair(child, tostring(value[key]), raw)
    end
  end
end


-- Arrays become name[1]=, records name.field=; null an empty value. raw: nothing is escaped.
function http_args.encode_args(args, raw, no_array_indexes)
  local out = {}
  for _, name in ipairs(sorted_keys(args)) do
    local value = args[name]
    if type(value) == "table" then
      add_nested(out, name, value, raw, no_array_indexes)
    elseif value == null then
      out[#out + 1] = pair(name, "", false)
    else
      value = tostring(value)
      out[#out + 1] = pair(name, value ~= "" and value or nil, raw or value == "")
    end
  end
  return concat(out, "&")
end


-- { ["1"] = a, ["2"] = b } as { a, b }; nil when it is no such list.
local function as_list(t)
  local cnt = 0
  for key in pairs(t) do
    if not tonumber(key) then
      return nil
    end
    cnt = cnt + 1
  end
  local list = {}
  for i = 1, cnt do
    local value = t[tostring(i)]
    if value == nil then
      value = t[i]
    end
    if value == nil then
      return nil
    end
    list[i] = value
  end
  return list
end


-- Texts of form values as what they mean.
function http_args.decode_args(args)
  local out = {}
  for name, value in pairs(args) do
    if type(value) == "table" then
      value = as_list(value) or value
    elseif value == "" then
      value = null
    elseif value == "true" then
      value = true
    elseif value == "false" then
      value = false
    end
    out[name] = value
  end
  return out
end


return http_args
