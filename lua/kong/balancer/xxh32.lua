-- xxHash, 32 bit variant: the hash that places targets on the consistent-hashing ring and looks values up there. The
-- placement is part of the observable behaviour: the same value has to meet the same target on every node.
-- Used by kong.balancer.consistent_hashing.
local bit = require "bit"

local band, bxor, lshift, rol, rshift, tobit = bit.band, bit.bxor, bit.lshift, bit.rol, bit.rshift, bit.tobit
local byte = string.byte

local P1, P2, P3, P4, P5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
local TWO_32 = 4294967296


-- Product modulo 2^32; a double holds only 53 bits, so the left side is taken in halves.
local function mul(a, p)
  return tobit(tobit(band(a, 0xffff) * p) + lshift(tobit(rshift(a, 16) * p), 16))
end


local function word(text, i)
  local a, b, c, d = byte(text, i, i + 3)
  return a + b * 256 + c * 65536 + d * 16777216
end


local function round(acc, text, i)
  return mul(rol(tobit(acc + mul(tobit(word(text, i)), P2)), 13), P1)
end


-- Blocks of 16 bytes; returns the hash so far and the position behind them.
local function stripes(text, len, seed)
  local v1, v2, v3, v4 = tobit(seed + P1 + P2), tobit(seed + P2), tobit(seed), tobit(seed - P1)
  local i = 1
  while i + 15 <= len do
    v1 = round(v1, text, i)
    v2 = round(v2, text, i + 4)
    v3 = round(v3, text, i + 8)
    v4 = round(v4, text, i + 12)
    i = i + 16
  end
  return tobit(rol(v1, 1) + rol(v2, 7) + rol(v3, 12) + rol(v4, 18)), i
end


-- Number in 0 .. 2^32-1.
local function xxh32(text, seed)
  seed = seed or 0
  local len = #text
  local h, i
  if len >= 16 then
    h, i = stripes(text, len, seed)
  else
    h, i = tobit(seed + P5), 1
  end
  h = tobit(h + len)
  while i + 3 <= len do
    h = mul(rol(tobit(h + mul(tobit(word(text, i)), P3)), 17), P4)
    i = i + 4
  end
  while i <= len do
    h = mul(rol(tobit(h + byte(text, i) * P5), 11), P1)
    i = i + 1
  end
  h = mul(bxor(h, rshift(h, 15)), P2)
  h = mul(bxor(h, rshift(h, 13)), P3)
  h = bxor(h, rshift(h, 16))
  return h < 0 and h + TWO_32 or h
end


return xxh32
