-- Latency: the available address with the lowest peak-sensitive moving average of its answer times, in relation to its
-- weight. New addresses start with the average of the others. Averages are the worker's own. Made by kong.balancer.ring.
local exp = math.exp
local now = ngx.now

local latency = {}
local mt = { __index = latency }

-- Seconds in which an old measurement loses most of its weight.
local DECAY_S = 10


function latency.new()
  return setmetatable({ addresses = {} }, mt)
end


local function mean(addresses)
  local sum, n = 0, 0
  for i = 1, #addresses do
    if addresses[i].average then
      sum, n = sum + addresses[i].average, n + 1
    end
  end
  return n > 0 and sum / n or 0
end


function latency:build(addresses)
  local start = mean(addresses)
  for i = 1, #addresses do
    local address = addresses[i]
    if not address.average then
      address.average, address.measured_at = start, now()
    end
  end
  self.addresses = addresses
end


function latency:pick(try)
  local addresses, failed = self.addresses, try.failed
  local found, lowest
  for i = 1, #addresses do
    local address = addresses[i]
    if address.is_available and not (failed and failed[address]) then
      local score = address.average / address.weight
      if not found or score < lowest then
        found, lowest = address, score
      end
    end
  end
  return found
end


-- `took_s` is the time from the start of the try to the response's head; nil when there was none.
function latency:finish(address, took_s)
  if not took_s then
    return
  end
  local at = now()
  local weight = exp(-math.max(0, at - address.measured_at) / DECAY_S)
  address.average = address.average * weight + took_s * (1 - weight)
  address.measured_at = at
end


return latency
