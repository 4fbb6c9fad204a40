-- IP addresses and CIDR ranges of stream routes. Used by kong.router.attributes only.
-- Must never resolve names: a text that is no address matches nothing.
local bit = require "bit"

local band = bit.band
local find = string.find
local lshift = bit.lshift
local match = string.match
local tonumber = tonumber

local address = {}


local function parse_v4(text)
  local a, b, c, d = match(text, "^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if not a then
    return nil
  end
  local bytes = { tonumber(a), tonumber(b), tonumber(c), tonumber(d) }
  for i = 1, 4 do
    if bytes[i] > 255 then
      return nil
    end
  end
  return bytes
end


local function append_groups(text, out)
  if text == "" then
    return true
  end
  for group in (text .. ":"):gmatch("([^:]*):") do
    if find(group, ".", 1, true) then
      local v4 = parse_v4(group)
      if not v4 then
        return false
      end
      for i = 1, 4 do
        out[#out + 1] = v4[i]
      end
    else
      local value = find(group, "^%x%x?%x?%x?$") and tonumber(group, 16)
      if not value then
        return false
      end
      out[#out + 1] = bit.rshift(value, 8)
      out[#out + 1] = band(value, 255)
    end
  end
  return true
end


local function parse_v6(text)
  local head, tail = match(text, "^(.-)::(.*)$")
  local bytes, rest = {}, {}
  if not append_groups(head or text, bytes) or (tail and not append_groups(tail, rest)) then
    return nil
  end
  if tail then
    for _ = #bytes + #rest + 1, 16 do
      bytes[#bytes + 1] = 0
    end
    for i = 1, #rest do
      bytes[#bytes + 1] = rest[i]
    end
  end
  return #bytes == 16 and bytes or nil
end


-- 4 or 16 bytes, or nil.
local function parse(text)
  if find(text, ":", 1, true) then
    return parse_v6(match(text, "^%[(.*)%]$") or text)
  end
  return parse_v4(text)
end


-- "10.0.0.0/8", "::1" and the like; nil when the text is no address.
function address.network(text)
  local base, width = match(text, "^(.-)/(%d+)$")
  local bytes = parse(base or text)
  if not bytes then
    return nil
  end
  local bits = tonumber(width) or #bytes * 8
  if bits > #bytes * 8 then
    return nil
  end
  return { bytes = bytes, bits = bits }
end


function address.contains(network, ip)
  local bytes = ip and parse(ip)
  if not bytes or #bytes ~= #network.bytes then
    return false
  end
  local bits, i = network.bits, 1
  while bits >= 8 do
    if bytes[i] ~= network.bytes[i] then
      return false
    end
    bits, i = bits - 8, i + 1
  end
  if bits == 0 then
    return true
  end
  local mask = band(lshift(0xff, 8 - bits), 0xff)
  return band(bytes[i], mask) == band(network.bytes[i], mask)
end


return address
