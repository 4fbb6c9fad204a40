-- Sets of IP addresses and CIDR blocks: one table look-up per prefix length that occurs in the set.
-- Used by ip-restriction, trusted_ips and custom plugins. Addresses are numbers (IPv4) or four numbers (IPv6).
local bit = require "bit"

local band, bor, lshift, tobit = bit.band, bit.bor, bit.lshift, bit.tobit
local byte = string.byte
local type = type
local tonumber = tonumber

local ipmatcher = {}
local matcher = {}
matcher.__index = matcher


-- The number of an IPv4 address, or false.
function ipmatcher.parse_ipv4(text)
  local a, b, c, d = text:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  if not a or a > 255 or b > 255 or c > 255 or d > 255 then
    return false
  end
  return a * 16777216 + b * 65536 + c * 256 + d
end


-- The groups on one side of "::", as a list of 16 bit numbers; nil when it is not well-formed.
local function parse_groups(text, groups)
  if text == "" then
    return groups
  end
  for part, colon in (text .. ":"):gmatch("([^:]*)(:)") do
    local v4 = part:find(".", 1, true) and ipmatcher.parse_ipv4(part)
    if v4 then
      groups[#groups + 1] = math.floor(v4 / 65536)
      groups[#groups + 1] = v4 % 65536
    elseif colon and part:find("^%x%x?%x?%x?$") then
      groups[#groups + 1] = tonumber(part, 16)
    else
      return nil
    end
  end
  return groups
end


-- {n, n, n, n} of 32 bits each, or false.
function ipmatcher.parse_ipv6(text)
  if text:sub(1, 1) == "[" and text:sub(-1) == "]" then
    text = text:sub(2, -2)
  end
  if not text:find(":", 1, true) then
    return false
  end
  local head, tail = text:match("^(.-)::(.*)$")
  local groups
  if head then
    groups = parse_groups(head, {})
    local rest = not tail:find("::", 1, true) and parse_groups(tail, {})
    if not groups or not rest or #groups + #rest > 7 then
      return false
    end
    for _ = 1, 8 - #groups - #rest do
      groups[#groups + 1] = 0
    end
    for i = 1, #rest do
      groups[#groups + 1] = rest[i]
    end
  else
    groups = parse_groups(text, {})
  end
  if not groups or #groups ~= 8 then
    return false
  end
  local words = {}
  for i = 1, 4 do
    words[i] = groups[2 * i - 1] * 65536 + groups[2 * i]
  end
  return words
end


-- Masks by prefix length within a word; comparisons are made on signed 32 bit numbers throughout.
local masks = { [0] = 0 }
for n = 1, 32 do
  masks[n] = lshift(-1, 32 - n)
end


local function word_mask(prefix, at)
  local bits = prefix - (at - 1) * 32
  return masks[math.max(0, math.min(32, bits))]
end


local function v6_key(words, prefix)
  return band(tobit(words[1]), word_mask(prefix, 1)) .. ":" .. band(tobit(words[2]), word_mask(prefix, 2)) .. ":"
         .. band(tobit(words[3]), word_mask(prefix, 3)) .. ":" .. band(tobit(words[4]), word_mask(prefix, 4))
end


-- Entries of one family: {[prefix] = {[masked address] = value}} and the prefixes, longest first.
local function add(family, prefix, key, value)
  local entries = family.by_prefix[prefix]
  if not entries then
    entries = {}
    family.by_prefix[prefix] = entries
    local list = family.prefixes
    list[#list + 1] = prefix
    table.sort(list, function(a, b)
      return a > b
    end)
  end
  if entries[key] == nil then
    entries[key] = value
  end
end


local function add_text(self, text, value)
  local address, prefix = text:match("^([^/]*)/(%d+)$")
  if not address then
    address = text
  end
  prefix = tonumber(prefix)
  local v4 = ipmatcher.parse_ipv4(address)
  if v4 then
    prefix = prefix or 32
    if prefix > 32 then
      return nil, "invalid ip address: " .. text
    end
    add(self.v4, prefix, band(tobit(v4), masks[prefix]), value)
    return true
  end
  local v6 = ipmatcher.parse_ipv6(address)
  if not v6 or (prefix or 0) > 128 then
    return nil, "invalid ip address: " .. address
  end
  prefix = prefix or 128
  add(self.v6, prefix, v6_key(v6, prefix), value)
  return true
end


local function new_matcher(pairs_of)
  local self = setmetatable({
    v4 = { by_prefix = {}, prefixes = {} },
    v6 = { by_prefix = {}, prefixes = {} },
  }, matcher)
  for _, pair in ipairs(pairs_of) do
    local ok, err = add_text(self, pair[1], pair[2])
    if not ok then
      return nil, err
    end
  end
  return self
end


-- list: addresses and CIDR blocks.
function ipmatcher.new(list)
  if type(list) ~= "table" then
    error("missing valid ip argument", 2)
  end
  local entries = {}
  for i, text in ipairs(list) do
    entries[i] = { text, true }
  end
  return new_matcher(entries)
end


-- map: {address or block = value}; match() then answers the value.
function ipmatcher.new_with_value(map)
  if type(map) ~= "table" then
    error("missing valid ip argument", 2)
  end
  local entries = {}
  for text, value in pairs(map) do
    entries[#entries + 1] = { text, value }
  end
  return new_matcher(entries)
end


local function find_v4(self, number)
  local family = self.v4
  local prefixes = family.prefixes
  for i = 1, #prefixes do
    local prefix = prefixes[i]
    local value = family.by_prefix[prefix][band(number, masks[prefix])]
    if value ~= nil then
      return value
    end
  end
  return false
end


local function find_v6(self, words)
  local family = self.v6
  local prefixes = family.prefixes
  for i = 1, #prefixes do
    local prefix = prefixes[i]
    local value = family.by_prefix[prefix][v6_key(words, prefix)]
    if value ~= nil then
      return value
    end
  end
  return false
end


-- The value of the longest matching block, or false; false and an error for what is no address.
function matcher:match(text)
  if type(text) ~= "string" then
    return false, "invalid ip address"
  end
  local v4 = ipmatcher.parse_ipv4(text)
  if v4 then
    return find_v4(self, tobit(v4))
  end
  local v6 = ipmatcher.parse_ipv6(text)
  if not v6 then
    return false, "invalid ip address, not ipv4 and ipv6"
  end
  return find_v6(self, v6)
end


local words = {}


-- bytes: 4 or 16, in network order.
function matcher:match_bin(bytes)
  if type(bytes) ~= "string" or #bytes ~= 4 and #bytes ~= 16 then
    return false, "invalid ip address, not ipv4 and ipv6"
  end
  if #bytes == 4 then
    local a, b, c, d = byte(bytes, 1, 4)
    return find_v4(self, bor(lshift(a, 24), lshift(b, 16), lshift(c, 8), d))
  end
  for i = 1, 4 do
    local a, b, c, d = byte(bytes, 4 * i - 3, 4 * i)
    words[i] = bor(lshift(a, 24), lshift(b, 16), lshift(c, 8), d)
  end
  return find_v6(self, words)
end


return ipmatcher
