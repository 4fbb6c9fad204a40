-- Round robin: a wheel in which every address stands as often as its weight says, shuffled when it is built. Each pick
-- takes the next place, skipping addresses that are not available. Made by kong.balancer.ring.
local ffi = require "ffi"

local max, min = math.max, math.min

local round_robin = {}
local mt = { __index = round_robin }

-- Places on a wheel; larger sums of weights are scaled down.
local WHEEL_MAX = 200000


local function gcd(a, b)
  while b ~= 0 do
    a, b = b, a % b
  end
  return a
end


local function shares(addresses)
  local divisor, total = 0, 0
  for i = 1, #addresses do
    divisor = gcd(divisor, addresses[i].weight)
    total = total + addresses[i].weight
  end
  if divisor == 0 then
    return nil, 0
  end
  local scale = max(divisor, total / WHEEL_MAX)
  local out, places = {}, 0
  for i = 1, #addresses do
    local weight = addresses[i].weight
    out[i] = weight > 0 and max(1, math.floor(weight / scale)) or 0
    places = places + out[i]
  end
  return out, places
end


function round_robin.new()
  return setmetatable({ addresses = {}, places = 0, at = 0 }, mt)
end


-- Takes over a list of addresses.
function round_robin:build(addresses)
  local share, places = shares(addresses)
  self.addresses = addresses
  self.places = places
  if places == 0 then
    return
  end
  local wheel, n = ffi.new("int32_t[?]", places), 0
  for i = 1, #addresses do
    for _ = 1, share[i] do
      wheel[n] = i
      n = n + 1
    end
  end
  for i = places - 1, 1, -1 do
    local j = math.random(0, i)
    wheel[i], wheel[j] = wheel[j], wheel[i]
  end
  self.wheel = wheel
  self.at = min(self.at, places - 1)
end


-- The next available address, or nil. The usual case, the very next place, is found without a loop.
function round_robin:pick()
  local addresses, wheel, places = self.addresses, self.wheel, self.places
  if places == 0 then
    return nil
  end
  local at = self.at + 1
  if at >= places then
    at = 0
  end
  self.at = at
  local next_one = addresses[wheel[at]]
  if next_one.is_available then
    return next_one
  end
  return self:pick_behind(at)
end


-- The first available address behind a place.
function round_robin:pick_behind(at)
  local addresses, wheel, places = self.addresses, self.wheel, self.places
  for _ = 2, places do
    at = at + 1
    if at >= places then
      at = 0
    end
    local address = addresses[wheel[at]]
    if address.is_available then
      self.at = at
      return address
    end
  end
  return nil
end


return round_robin
