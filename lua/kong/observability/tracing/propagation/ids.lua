-- Trace and span ids: bytes inside the gateway, digits in headers.
local bn = require "resty.openssl.bn"

local byte = string.byte
local char = string.char
local find = string.find
local gsub = string.gsub
local match = string.match
local ngx = ngx
local pairs = pairs
local rep = string.rep
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber
local type = type

local ids = {}

ids.to_hex = require("resty.string").to_hex

local sealed = {
  __newindex = function()
    error("attempt to set immutable baggage", 2)
  end,
}


local function to_char(digits)
  return char(tonumber(digits, 16))
end


-- Bytes of hexadecimal digits; a missing first digit is zero.
function ids.from_hex(text)
  if #text % 2 == 1 then
    text = "0" .. text
  end
  return (gsub(text, "%x%x", to_char))
end


function ids.from_decimal(text)
  return bn.from_dec(text):to_binary()
end


function ids.to_decimal(bytes)
  return bn.from_binary(bytes):to_dec()
end


-- The id with `length` bytes: its end, or zeros before it. nil stays nil.
function ids.fit(id, length)
  if not id or #id == length then
    return id
  end
  if #id > length then
    return sub(id, -length)
  end
  return rep("\0", length - #id) .. id
end


-- Is that a header with as many hexadecimal digits as one of the two numbers?
function ids.is_hex(value, length, other_length)
  return type(value) == "string" and (#value == length or #value == other_length) and not find(value, "%X")
end


function ids.is_zero(hex)
  for i = 1, #hex do
    if byte(hex, i) ~= 0x30 then
      return false
    end
  end
  return true
end


-- Baggage: what rides in headers whose names begin alike. pattern captures an item's key.
function ids.read_baggage(headers, pattern)
  local items
  for name, value in pairs(headers) do
    local key = match(name, pattern)
    if key then
      items = items or {}
      items[key] = ngx.unescape_uri(type(value) == "table" and value[1] or value)
    end
  end
  return items and setmetatable(items, sealed)
end


-- Adds baggage to headers that will be set.
function ids.add_baggage(headers, baggage, prefix)
  for key, value in pairs(baggage or {}) do
    headers[prefix .. key] = ngx.escape_uri(value)
  end
  return headers
end


return ids
