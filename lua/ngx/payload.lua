-- What send() and its like accept: strings, numbers, booleans, nil, and nested array tables of them, as one string.
local base = require "ngx.base"

local concat = table.concat
local tostring = tostring
local type = type

local Payload = {}
local EXPECTED = "string, number, boolean, nil, or array table expected, got "


local function flatten(list, parts, n, arg)
  for i = 1, #list do
    local v = list[i]
    local kind = type(v)
    if kind == "string" or kind == "number" then
      n = n + 1
      parts[n] = v
    elseif kind == "table" then
      n = flatten(v, parts, n, arg)
    elseif kind == "boolean" then
      n = n + 1
      parts[n] = v and "true" or "false"
    else
      base.bad_arg(arg, "bad data type " .. kind .. " found", 4)
    end
  end
  for key in pairs(list) do
    if type(key) ~= "number" then
      base.bad_arg(arg, "non-array table found", 4)
    end
  end
  return n
end


-- The text of `data`; raises at the caller's caller for anything else. arg: which argument it was.
function Payload.text(data, arg)
  local kind = type(data)
  if kind == "string" then
    return data
  elseif kind == "number" or kind == "boolean" or kind == "nil" then
    return tostring(data)
  elseif kind == "table" then
    local parts = {}
    return concat(parts, "", 1, flatten(data, parts, 0, arg))
  end
  base.bad_arg(arg, EXPECTED .. kind, 2)
end


return Payload
