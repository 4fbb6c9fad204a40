-- Random UUIDs (RFC 4122, version 4) and their form.
local bit = require "bit"

local band = bit.band
local bor = bit.bor
local byte = string.byte
local fmt = string.format
local re_find = ngx.re.find
local type = type

local uuid = {}

local PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
local FORMAT = "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x"


function uuid.uuid()
  local bytes = require("kong.tools.rand").get_rand_bytes(16)
  local b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, b16 = byte(bytes, 1, 16)
  b7 = bor(band(b7, 0x0f), 0x40)
  b9 = bor(band(b9, 0x3f), 0x80)
  return fmt(FORMAT, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, b16)
end


-- Any version, any case.
function uuid.is_valid_uuid(text)
  return type(text) == "string" and #text == 36 and re_find(text, PATTERN, "ijo") ~= nil
end


return uuid
