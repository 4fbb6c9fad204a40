-- Sets of addresses and networks, both families, asked once per request: whether one of them holds an address.
-- IPv4 networks are numbers under masks, IPv6 ones four words each.
local bit = require "bit"
local ip = require "kong.tools.ip_parse"

local band = bit.band
local lshift = bit.lshift
local find = string.find
local parse_v4 = ip.parse_v4
local parse_v6 = ip.parse_v6
local sub = string.sub
local tonumber = tonumber

local ip_set = {}
local mt = { __index = ip_set }

local ALL = -1 -- 32 set bits


local function mask_of(bits)
  if bits <= 0 then
    return 0
  end
  return bits >= 32 and ALL or lshift(ALL, 32 - bits)
end


local function add_v4(self, word, prefix)
  local mask = mask_of(prefix)
  local by_mask = self.v4[mask]
  if not by_mask then
    by_mask = {}
    self.v4[mask] = by_mask
    self.v4_masks[#self.v4_masks + 1] = mask
  end
  by_mask[band(word, mask)] = true
end


local function add_v6(self, words, prefix)
  local net = { masks = {} }
  for i = 1, 4 do
    local mask = mask_of(prefix - (i - 1) * 32)
    net.masks[i] = mask
    net[i] = band(words[i], mask)
  end
  self.v6[#self.v6 + 1] = net
end


-- list: addresses and CIDRs as texts. nil, err for anything else.
function ip_set.new(list)
  local self = setmetatable({ v4 = {}, v4_masks = {}, v6 = {} }, mt)
  for i = 1, #list do
    local text = list[i]
    local slash = find(text, "/", 1, true)
    local address = slash and sub(text, 1, slash - 1) or text
    local prefix = slash and tonumber(sub(text, slash + 1))
    if slash and not prefix then
      return nil, "invalid prefix in '" .. text .. "'"
    end
    local word = parse_v4(address)
    local words = not word and parse_v6(address)
    if word and (prefix or 32) <= 32 then
      add_v4(self, word, prefix or 32)
    elseif words and (prefix or 128) <= 128 then
      add_v6(self, words, prefix or 128)
    else
      return nil, "invalid address '" .. text .. "'"
    end
  end
  return self
end


-- true or false; false for what is no address.
function ip_set:contains(address)
  local word = parse_v4(address)
  if word then
    local masks = self.v4_masks
    for i = 1, #masks do
      if self.v4[masks[i]][band(word, masks[i])] then
        return true
      end
    end
    return false
  end
  if #self.v6 == 0 then
    return false
  end
  local words = parse_v6(address)
  for i = 1, words and #self.v6 or 0 do
    local net = self.v6[i]
    local masks = net.masks
    if band(words[1], masks[1]) == net[1] and band(words[2], masks[2]) == net[2] and
       band(words[3], masks[3]) == net[3] and band(words[4], masks[4]) == net[4] then
      return true
    end
  end
  return false
end


return ip_set
