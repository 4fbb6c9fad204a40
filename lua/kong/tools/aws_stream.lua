-- Messages of application/vnd.amazon.eventstream: a length, headers with typed values, a payload, checksums.
--   local stream = aws_stream:new(bytes)
--   local message, err = stream:next_message()   -- { headers = { name = value }, body = text } | false at the end | nil, err
local bit = require "bit"

local byte = string.byte
local lshift = bit.lshift
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber

local Stream = {}
Stream.__index = Stream

-- Lengths before the headers with their checksum; the shortest message.
local PRELUDE, SHORTEST = 12, 16
local TRUE, FALSE, STRING, BYTES = 0, 1, 7, 6
-- Bytes of the other types: whole numbers, a time, a UUID.
local SIZES = { [2] = 1, [3] = 2, [4] = 4, [5] = 8, [8] = 8, [9] = 16 }


-- bytes: one or more whole messages; is_hex: in hexadecimal digits.
function Stream:new(bytes, is_hex)
  if is_hex then
    bytes = bytes:gsub("%x%x", function(digits)
      return string.char(tonumber(digits, 16))
    end)
  end
  if #bytes < SHORTEST then
    return nil, "cannot parse a chunk less than 16 bytes long"
  end
  return setmetatable({ bytes = bytes, at = 1 }, self)
end


local function uint(text, at, size)
  local value = 0
  for i = at, at + size - 1 do
    value = value * 256 + byte(text, i)
  end
  return value
end


-- CRC-32 of `len` bytes and what the message says it is.
local function is_intact(text, at, len, says_at)
  return ngx.crc32_long(sub(text, at, at + len - 1)) == uint(text, says_at, 4)
end


-- A header's value and where the next header begins; nil for what is cut off or has no such type.
local function value_at(text, at, last)
  local kind = byte(text, at)
  at = at + 1
  if kind == TRUE or kind == FALSE then
    return kind == TRUE, at
  end
  if kind == STRING or kind == BYTES then
    if at + 1 > last then
      return nil
    end
    local len = lshift(byte(text, at), 8) + byte(text, at + 1)
    at = at + 2
    return at + len - 1 <= last and sub(text, at, at + len - 1) or nil, at + len
  end
  local size = SIZES[kind]
  if not size or at + size - 1 > last then
    return nil
  end
  return size > 4 and sub(text, at, at + size - 1) or uint(text, at, size), at + size
end


local function headers_in(text, at, last)
  local headers = {}
  while at <= last do
    local len = byte(text, at)
    local name = sub(text, at + 1, at + len)
    at = at + 1 + len
    local value
    if at <= last then
      value, at = value_at(text, at, last)
    end
    if value == nil then
      return nil
    end
    headers[name] = value
  end
  return headers
end


function Stream:next_message()
  local text, at = self.bytes, self.at
  local rest = #text - at + 1
  if rest < SHORTEST then
    return false
  end
  local total, header_len = uint(text, at, 4), uint(text, at + 4, 4)
  if total < SHORTEST or total > rest or header_len > total - SHORTEST then
    return nil, "message is cut off"
  end
  if not is_intact(text, at, PRELUDE - 4, at + 8) then
    return nil, "prelude checksum does not match"
  end
  if not is_intact(text, at, total - 4, at + total - 4) then
    return nil, "message checksum does not match"
  end
  local body_at = at + PRELUDE + header_len
  local headers = headers_in(text, at + PRELUDE, body_at - 1)
  if not headers then
    return nil, "headers are malformed"
  end
  self.at = at + total
  return { headers = headers, body = sub(text, body_at, at + total - 5) }
end


return Stream
