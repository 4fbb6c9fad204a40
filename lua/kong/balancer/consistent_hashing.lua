-- Consistent hashing: addresses own points of a ring in proportion to their weights; a value goes to the first available
-- owner at or below the point it hashes to. Positions are part of the observable behaviour: all nodes of a cluster have
-- to agree, so they depend on names, ports and weights only. Made by kong.balancer.ring.
local xxh32 = require "kong.balancer.xxh32"

local floor = math.floor

local consistent_hashing = {}
local mt = { __index = consistent_hashing }

local POINTS_MIN = 1000
local ENTRIES_PER_TARGET = 160


function consistent_hashing.new(ring)
  local slots = ring.upstream.slots or 0
  return setmetatable({ points = math.max(slots, POINTS_MIN), owners = {}, has_owners = false, ring = ring }, mt)
end


local function comes_before(a, b)
  if a.hostname ~= b.hostname then
    return a.hostname < b.hostname
  end
  if a.target_port ~= b.target_port then
    return a.target_port < b.target_port
  end
  return a.key < b.key
end


-- Places one address; a point that is taken costs the address one more entry.
local function place(self, address, cnt)
  local owners, points = self.owners, self.points
  local prefix = address.ip .. "::" .. address.port .. " "
  local i, limit = 1, cnt
  while i <= limit and i <= points do
    local point = xxh32(prefix .. i) % points + 1
    if owners[point] then
      limit = limit + 1
    else
      owners[point] = address
    end
    i = i + 1
  end
end


function consistent_hashing:build(addresses, total_weight)
  self.owners = {}
  self.has_owners = #addresses > 0 and total_weight > 0
  if not self.has_owners then
    return
  end
  local sorted = {}
  for i = 1, #addresses do
    sorted[i] = addresses[i]
  end
  table.sort(sorted, comes_before)
  local target_cnt = self.ring.target_cnt
  for i = 1, #sorted do
    local weight = sorted[i].weight
    if weight > 0 then
      place(self, sorted[i], math.max(1, floor(weight / total_weight * target_cnt * ENTRIES_PER_TARGET)))
    end
  end
end


-- The owner of try.hash_value's point, or nil when nobody is available. A retry starts from the same point.
function consistent_hashing:pick(try)
  if not self.has_owners then
    return nil
  end
  local owners, points = self.owners, self.points
  local start = try.hash_point
  if not start then
    start = xxh32(try.hash_value or "") % points + 1
    try.hash_point = start
  end
  local at = start
  for _ = 1, points do
    local address = owners[at]
    if address and address.is_available then
      return address
    end
    at = at - 1
    if at < 1 then
      at = points
    end
  end
  return nil
end


return consistent_hashing
