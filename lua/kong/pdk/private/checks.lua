-- Checks and conversions of header names and values that kong.response and kong.service.request share.
local error = error
local fmt = string.format
local pairs = pairs
local tostring = tostring
local type = type

local checks = {}

local ONE = "array of string, string, number or boolean"
local MANY = "string, number, boolean or array of strings"


-- nil, or what is wrong. `expected` names the accepted types, whose order differs between one header and a set.
local function find_fault(name, value, expected)
  if type(name) ~= "string" then
    return fmt('invalid header name "%s": got %s, expected string', tostring(name), type(name))
  end
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" then
    return nil
  end
  if kind ~= "table" then
    return fmt("invalid header value for %q: got %s, expected %s", name, kind, expected)
  end
  for i = 1, #value do
    if type(value[i]) ~= "string" then
      return fmt("invalid header value in array %q: got %s, expected string", name, type(value[i]))
    end
  end
  return nil
end


-- Raises two levels up, at the caller of the PDK function; returns the value, numbers and booleans as text.
function checks.validate_header(name, value)
  local fault = find_fault(name, value, ONE)
  if fault then
    error(fault, 3)
  end
  if type(value) == "table" then
    return value
  end
  return tostring(value)
end


function checks.validate_headers(headers)
  if type(headers) ~= "table" then
    error("headers must be a table", 3)
  end
  for name, value in pairs(headers) do
    local fault = find_fault(name, value, MANY)
    if fault then
      error(fault, 3)
    end
  end
end


-- An empty value would drop the header, so it is sent as one space.
function checks.normalize_header(value)
  if value == "" then
    return " "
  end
  return type(value) == "string" and value or tostring(value)
end


function checks.normalize_multi_header(value)
  if type(value) ~= "table" then
    return checks.normalize_header(value)
  end
  local out = {}
  for i = 1, #value do
    out[i] = value[i] == "" and " " or value[i]
  end
  return out
end


return checks
