-- One upstream entity at work: its targets, the addresses they resolve to, the algorithm that picks among them. Made by
-- kong.balancer and kept over configurations as long as the entity and its targets stay the same.
-- Resolving names waits, so it happens before the first pick and in a timer, never in the middle of a pick.
local address_tools = require "kong.router.address"
local dns = require "kong.dns"
local health = require "kong.balancer.health"

local max, min = math.max, math.min
local now = ngx.now
local null = ngx.null

local ring = {}
local mt = { __index = ring }

local ALGORITHMS = {
  ["round-robin"] = "kong.balancer.round_robin",
  ["consistent-hashing"] = "kong.balancer.consistent_hashing",
  ["least-connections"] = "kong.balancer.least_connections",
  ["latency"] = "kong.balancer.latency",
}
-- Seconds until a name without addresses, or without a lifetime, is asked again.
local RETRY_FAILED_S, RETRY_ZERO_TTL_S, RENEW_AFTER_S = 30, 60, 0.5
local DEFAULT_PORT = 8000
local FRESH = { fresh = true }


local function parse_target(text)
  local name, port = text:match("^(.*):(%d+)$")
  if not name or (name:find(":", 1, true) and name:sub(1, 1) ~= "[") then
    return text, DEFAULT_PORT
  end
  return name, tonumber(port)
end


local function host_header(upstream)
  local value = upstream.host_header
  return value ~= null and value or nil
end


-- `upstream` is the entity, `targets` its targets.
function ring.new(upstream, targets)
  local self = setmetatable({
    upstream = upstream,
    id = upstream.id,
    name = upstream.name,
    algorithm_name = upstream.algorithm or "round-robin",
    checks = health.settings(upstream),
    host_header = host_header(upstream),
    targets = {},
    target_cnt = #targets,
    addresses = {},
    total_weight = 0,
    available_weight = 0,
    is_up = false,
    is_resolved = false,
    renew_at = 0,
  }, mt)
  for i, entity in ipairs(targets) do
    local name, port = parse_target(entity.target)
    self.targets[i] = {
      entity = entity, name = name, port = port, weight = entity.weight or 100,
      is_address = address_tools.network(name:match("^%[(.*)%]$") or name) ~= nil,
      addresses = {}, renew_at = 0, dns = "A",
    }
  end
  local algorithm = ALGORITHMS[self.algorithm_name] or ALGORITHMS["round-robin"]
  self.algorithm = require(algorithm).new(self)
  self.wants_hash = self.algorithm_name == "consistent-hashing"
  self.is_counting = self.algorithm.finish ~= nil
  -- The end of a request matters only where something is counted.
  self.wants_end = self.is_counting or self.checks.is_on
  if self:is_static() then
    self:resolve()
  end
  return self
end


-- All targets are addresses: nothing to look up, now or later.
function ring:is_static()
  for i = 1, #self.targets do
    if not self.targets[i].is_address then
      return false
    end
  end
  return true
end


local function new_address(self, target, ip, port, weight, hostname)
  local address = {
    ip = ip, port = port, weight = weight, key = ip .. ":" .. port,
    needs_dns = address_tools.network(ip:match("^%[(.*)%]$") or ip) == nil,
    hostname = hostname, target = target, target_port = target.port,
    active = 0, is_healthy = true, is_available = weight > 0,
    host = self.host_header or hostname,
  }
  health.load(self, address)
  return address
end


-- The address list of a target for these (ip, port, weight, hostname) quadruples; known addresses are kept.
local function merge(self, target, found)
  local known, out = {}, {}
  for _, address in ipairs(target.addresses) do
    known[address.key] = address
  end
  local is_changed = #found ~= #target.addresses
  for i, item in ipairs(found) do
    local address = known[item.ip .. ":" .. item.port]
    if address and address.weight == item.weight then
      out[i] = address
    else
      out[i] = new_address(self, target, item.ip, item.port, item.weight, item.hostname)
      is_changed = true
    end
  end
  target.addresses = out
  return is_changed
end


local function from_records(self, target, records)
  local found = {}
  if records.type == dns.TYPE_SRV then
    local top = records[1].priority
    for i = 2, #records do
      top = min(top, records[i].priority)
    end
    for _, record in ipairs(records) do
      if record.priority == top then
        found[#found + 1] = {
          ip = record.target, port = record.port ~= 0 and record.port or target.port,
          weight = target.weight == 0 and 0 or max(1, record.weight or 1),
          hostname = self.upstream.use_srv_name == true and record.target or target.name,
        }
      end
    end
    target.dns = "SRV"
    return found
  end
  target.dns = records.type == dns.TYPE_AAAA and "AAAA" or "A"
  for i, record in ipairs(records) do
    found[i] = { ip = record.address, port = target.port, weight = target.weight, hostname = target.name }
  end
  return found
end


local function resolve_target(self, target)
  if target.is_address then
    target.renew_at = math.huge
    return merge(self, target, { { ip = target.name, port = target.port, weight = target.weight, hostname = target.name } })
  end
  local records, err = dns.resolve(target.name, FRESH)
  if not records then
    target.err = err
    target.renew_at = now() + RETRY_FAILED_S
    ngx.log(ngx.WARN, "[balancer] querying dns for ", target.name, " failed: ", err)
    return merge(self, target, {})
  end
  target.err = nil
  if records.ttl == 0 then
    target.renew_at = now() + RETRY_ZERO_TTL_S
    return merge(self, target, { { ip = target.name, port = target.port, weight = target.weight, hostname = target.name } })
  end
  target.renew_at = now() + records.ttl + RENEW_AFTER_S
  return merge(self, target, from_records(self, target, records))
end


-- Looks up every target that is due; rebuilds what is picked from when something changed. May wait.
function ring:resolve()
  local at, is_changed = now(), not self.is_resolved
  local renew_at = math.huge
  for i = 1, #self.targets do
    local target = self.targets[i]
    if target.renew_at <= at then
      is_changed = resolve_target(self, target) or is_changed
    end
    renew_at = min(renew_at, target.renew_at)
  end
  self.renew_at = renew_at
  if is_changed then
    self:rebuild()
  end
  self.is_resolved = true
end


function ring:rebuild()
  local addresses, total = {}, 0
  for i = 1, #self.targets do
    local list = self.targets[i].addresses
    for j = 1, #list do
      addresses[#addresses + 1] = list[j]
      total = total + list[j].weight
    end
  end
  self.addresses = addresses
  self.total_weight = total
  self.algorithm:build(addresses, total)
  self:recount()
end


-- After a state changed: which addresses may be picked, and whether the upstream as a whole is up.
function ring:recount()
  local available = 0
  for i = 1, #self.addresses do
    local address = self.addresses[i]
    address.is_available = address.is_healthy and address.weight > 0
    if address.is_available then
      available = available + address.weight
    end
  end
  self.available_weight = available
  self.is_up = available > 0 and available / self.total_weight * 100 > self.checks.threshold
end


-- Takes over the states that other workers found.
function ring:sync()
  for i = 1, #self.addresses do
    health.load(self, self.addresses[i])
  end
  self:recount()
end


-- An available address, or nil.
function ring:pick(try)
  if not self.is_up then
    return nil
  end
  return self.algorithm:pick(try)
end


-- Addresses of a target named by hand; nil hostname means any.
function ring:find_addresses(hostname, ip, port)
  local out = {}
  for i = 1, #self.addresses do
    local address = self.addresses[i]
    if (not hostname or address.hostname == hostname or address.target.name == hostname)
       and (not ip or address.ip == ip) and (not port or address.port == port) then
      out[#out + 1] = address
    end
  end
  return out
end


return ring
