-- String helpers that plugins know as kong.tools.string. Pure functions; must never depend on a request.
local byte = string.byte
local concat = table.concat
local find = string.find
local fmt = string.format
local gsub = string.gsub
local lower = string.lower
local match = string.match
local sub = string.sub
local tonumber = tonumber
local tostring = tostring
local type = type

local tools = {}


function tools.join(separator, list)
  return concat(list, separator)
end


-- Splits at a plain separator; an empty text has no parts, an empty separator makes one.
function tools.split(text, separator)
  local out, n, from = {}, 0, 1
  if text == "" then
    return out
  end
  if separator == nil or separator == "" then
    return { text }
  end
  while true do
    local first, last = find(text, separator, from, true)
    n = n + 1
    if not first then
      out[n] = sub(text, from)
      return out
    end
    out[n] = sub(text, from, first - 1)
    from = last + 1
  end
end


function tools.strip(value)
  if value == nil then
    return ""
  end
  local text = tostring(value)
  local first = find(text, "%S")
  if not first then
    return ""
  end
  return match(text, ".*%S", first)
end


-- Length of the sequence that begins at `i`, or nil when it is none: no overlong forms, no surrogates, nothing above
-- U+10FFFF.
local function sequence_length(text, i)
  local a, b, c, d = byte(text, i, i + 3)
  if a < 0x80 then
    return 1
  end
  if a < 0xc2 or a > 0xf4 or not b or b < 0x80 or b > 0xbf then
    return nil
  end
  if a < 0xe0 then
    return 2
  end
  if not c or c < 0x80 or c > 0xbf then
    return nil
  end
  if a < 0xf0 then
    local is_bad = (a == 0xe0 and b < 0xa0) or (a == 0xed and b > 0x9f)
    return not is_bad and 3 or nil
  end
  local is_bad = not d or d < 0x80 or d > 0xbf or (a == 0xf0 and b < 0x90) or (a == 0xf4 and b > 0x8f)
  return not is_bad and 4 or nil
end


-- true, or false and the index of the first bad byte.
function tools.validate_utf8(value)
  local text = tostring(value)
  local i, len = 1, #text
  while i <= len do
    local step = sequence_length(text, i)
    if not step then
      return false, i
    end
    i = i + step
  end
  return true
end


local UNITS = { b = 0, k = 1, m = 2, g = 3 }
local UNIT_NAMES = { [0] = "B", "KiB", "MiB", "GiB" }


-- A number of bytes in the unit "b" (default), "k", "m" or "g" with `scale` decimals (default 2).
function tools.bytes_to_str(bytes, unit, scale)
  local name = lower(unit or "b")
  if name == "b" then
    return fmt("%d", bytes)
  end
  local power = UNITS[name]
  if not power then
    error("invalid unit '" .. tostring(unit) .. "' (expected 'k/K', 'm/M', or 'g/G')", 2)
  end
  scale = scale or 2
  if type(scale) ~= "number" or scale < 0 then
    error("scale must be equal or greater than 0", 2)
  end
  return fmt("%." .. scale .. "f %s", bytes / 1024 ^ power, UNIT_NAMES[power])
end


-- "8k" and "2m" as nginx writes sizes, in bytes.
function tools.parse_ngx_size(text)
  if type(text) ~= "string" then
    error("parse_ngx_size: expected a string", 2)
  end
  local number, unit = match(lower(text), "^%s*(%d+)%s*([kmg]?)%s*$")
  number = tonumber(number)
  if not number then
    return nil
  end
  return number * 1024 ^ (UNITS[unit] or 0)
end


function tools.try_decode_base64(value)
  return ngx.decode_base64(value) or value
end


function tools.replace_dashes(text)
  return (gsub(text, "-", "_"))
end


function tools.replace_dashes_lower(text)
  return lower((gsub(text, "-", "_")))
end


return tools
