-- Identifiers: random UUIDs (version 4), name-based UUIDs (version 5) and random 32 character strings.
-- Used by kong.db.schema.fill and kong.db.declarative. Must never keep state but the random buffer.
local crypto = require "kong.db.crypto"

local byte = string.byte
local char = string.char
local fmt = string.format
local gsub = string.gsub
local tonumber = tonumber
local bit = require "bit"

local ids = {}


-- 256 random bytes at a time: a system call per id would cost more than the id.
local pool, at = "", 0


local function random_bytes(n)
  if at + n > #pool then
    pool = crypto.random_bytes(4096)
    at = 0
  end
  local from = at + 1
  at = at + n
  return from
end


local HEX = {}
for i = 0, 255 do
  HEX[i] = fmt("%02x", i)
end


local function format_uuid(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
  return HEX[a] .. HEX[b] .. HEX[c] .. HEX[d] .. "-" .. HEX[e] .. HEX[f] .. "-"
      .. HEX[g] .. HEX[h] .. "-" .. HEX[i] .. HEX[j] .. "-"
      .. HEX[k] .. HEX[l] .. HEX[m] .. HEX[n] .. HEX[o] .. HEX[p]
end


local function versioned(bytes, from, version)
  local a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p = byte(bytes, from, from + 15)
  g = bit.bor(bit.band(g, 0x0f), version * 16)
  i = bit.bor(bit.band(i, 0x3f), 0x80)
  return format_uuid(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
end


function ids.random()
  local from = random_bytes(16)
  return versioned(pool, from, 4)
end


local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


function ids.random_string()
  local chars, n = {}, 0
  while n < 32 do
    local from = random_bytes(1)
    local v = byte(pool, from)
    -- 248 is the largest multiple of 62 in a byte; larger values would favour some letters.
    if v < 248 then
      n = n + 1
      local index = v % 62 + 1
      chars[n] = ALPHABET:sub(index, index)
    end
  end
  return table.concat(chars)
end


local function to_bytes(uuid)
  return (gsub(gsub(uuid, "-", ""), "..", function(pair)
    return char(tonumber(pair, 16))
  end))
end


-- Returns a function name -> UUID for a namespace (a UUID text).
function ids.namespace(uuid)
  local prefix = to_bytes(uuid)
  local sha1 = crypto.sha1
  return function(name)
    return versioned(sha1(prefix .. name), 1, 5)
  end
end


return ids
