-- Least connections: the available address with the fewest requests under way in relation to its weight. A retry avoids
-- the addresses that failed already, until all have. Counts are the worker's own. Made by kong.balancer.ring.
local least_connections = {}
local mt = { __index = least_connections }


function least_connections.new()
  return setmetatable({ addresses = {} }, mt)
end


function least_connections:build(addresses)
  self.addresses = addresses
end


local function best(addresses, failed)
  local found, lowest
  for i = 1, #addresses do
    local address = addresses[i]
    if address.is_available and not (failed and failed[address]) then
      local load = (address.active + 1) / address.weight
      if not found or load < lowest then
        found, lowest = address, load
      end
    end
  end
  return found
end


function least_connections:pick(try)
  local address = best(self.addresses, try.failed)
  if not address and try.failed then
    try.failed = nil
    address = best(self.addresses, nil)
  end
  return address
end


function least_connections:begin(address)
  address.active = address.active + 1
end


function least_connections:finish(address)
  address.active = math.max(0, address.active - 1)
end


return least_connections
