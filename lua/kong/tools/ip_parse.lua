-- Addresses as words: the text forms of IPv4 and IPv6 (RFC 4291), nothing else.
local bit = require "bit"

local bor = bit.bor
local byte = string.byte
local find = string.find
local lshift = bit.lshift
local sub = string.sub
local tobit = bit.tobit
local tonumber = tonumber
local type = type

local ip_parse = {}


-- Signed 32-bit word, nil when the text is no IPv4 address.
function ip_parse.parse_v4(text)
  if type(text) ~= "string" then
    return nil
  end
  local word, value, digits, dots = 0, 0, 0, 0
  for i = 1, #text do
    local c = byte(text, i)
    if c == 46 then
      if digits == 0 or dots == 3 then
        return nil
      end
      word, value, digits, dots = bor(lshift(word, 8), value), 0, 0, dots + 1
    elseif c >= 48 and c <= 57 and digits < 3 then
      value, digits = value * 10 + c - 48, digits + 1
      if value > 255 then
        return nil
      end
    else
      return nil
    end
  end
  if dots ~= 3 or digits == 0 then
    return nil
  end
  return tobit(bor(lshift(word, 8), value))
end


-- The groups of one side of "::" appended to `out`; nil when one is none. The last may be an IPv4 address.
local function add_groups(out, text, is_end)
  if text == "" then
    return out
  end
  local from = 1
  while true do
    local colon = find(text, ":", from, true)
    local group = sub(text, from, colon and colon - 1 or -1)
    if is_end and not colon and find(group, ".", 1, true) then
      local word = ip_parse.parse_v4(group)
      if not word then
        return nil
      end
      out[#out + 1] = bit.band(bit.rshift(word, 16), 0xffff)
      out[#out + 1] = bit.band(word, 0xffff)
      return out
    end
    if not find(group, "^%x%x?%x?%x?$") then
      return nil
    end
    out[#out + 1] = tonumber(group, 16)
    if not colon then
      return out
    end
    from = colon + 1
  end
end


-- { four signed 32-bit words }, nil when the text is no IPv6 address. Brackets and zones are not part of one.
function ip_parse.parse_v6(text)
  if type(text) ~= "string" or not find(text, ":", 1, true) then
    return nil
  end
  local double = find(text, "::", 1, true)
  local groups
  if double then
    local left = add_groups({}, sub(text, 1, double - 1), false)
    local right = left and add_groups({}, sub(text, double + 2), true)
    if not right or #left + #right > 7 then
      return nil
    end
    groups = left
    for _ = 1, 8 - #left - #right do
      groups[#groups + 1] = 0
    end
    for i = 1, #right do
      groups[#groups + 1] = right[i]
    end
  else
    groups = add_groups({}, text, true)
    if not groups or #groups ~= 8 then
      return nil
    end
  end
  local words = {}
  for i = 1, 4 do
    words[i] = tobit(bor(lshift(groups[2 * i - 1], 16), groups[2 * i]))
  end
  return words
end


return ip_parse
