-- require "resty.jit-uuid": UUIDs of versions 3, 4 and 5 (RFC 4122).
local bit = require "bit"
local random = require "ngx.random"

local band, bor = bit.band, bit.bor
local byte = string.byte
local find = string.find
local gsub = string.gsub
local format = string.format
local type = type

local Uuid = { _VERSION = "0.0.7" }

local FORMAT = "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x"
local PATTERN = "^" .. ("%x"):rep(8) .. "%-" .. ("%x"):rep(4) .. "%-" .. ("%x"):rep(4) .. "%-" .. ("%x"):rep(4) .. "%-"
                .. ("%x"):rep(12) .. "$"


-- Nothing to seed: the bytes come from the system.
function Uuid.seed(seed)
  return seed
end


-- Sixteen bytes as a UUID of that version.
local function text_of(bytes, version)
  local a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p = byte(bytes, 1, 16)
  g = bor(band(g, 0x0f), version * 16)
  i = bor(band(i, 0x3f), 0x80)
  return format(FORMAT, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
end


function Uuid.is_valid(text)
  return type(text) == "string" and #text == 36 and find(text, PATTERN) ~= nil
end


function Uuid.generate_v4()
  return text_of(random.bytes(16), 4)
end


local function bytes_of(uuid)
  local hex = gsub(uuid, "-", "")
  return (gsub(hex, "%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end


-- A function name -> UUID in the namespace.
local function factory(digest, version)
  return function(namespace)
    if not Uuid.is_valid(namespace) then
      return nil, "namespace must be a valid UUID"
    end
    local prefix = bytes_of(namespace)
    return function(name)
      if type(name) ~= "string" then
        return nil, "name must be a string"
      end
      return text_of(digest(prefix .. name), version)
    end
  end
end


Uuid.factory_v3 = factory(function(text)
  return ngx.md5_bin(text)
end, 3)

Uuid.factory_v5 = factory(function(text)
  return ngx.sha1_bin(text)
end, 5)


function Uuid.generate_v3(namespace, name)
  local fn, err = Uuid.factory_v3(namespace)
  if not fn then
    return nil, err
  end
  return fn(name)
end


function Uuid.generate_v5(namespace, name)
  local fn, err = Uuid.factory_v5(namespace)
  if not fn then
    return nil, err
  end
  return fn(name)
end


return setmetatable(Uuid, { __call = Uuid.generate_v4 })
