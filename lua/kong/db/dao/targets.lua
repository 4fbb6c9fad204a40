-- Targets are kept as host:port; port 8000 where none is given, IPv6 addresses in their long form.
-- Methods over those of kong.db.dao for kong.db.targets.
local checks = require "kong.db.schema.checks"

local fmt = string.format
local pairs = pairs
local tostring = tostring
local type = type

local targets = {}

local DEFAULT_PORT = 8000


-- "host:port" | nil, message.
function targets.normalize(target)
  local parsed = checks.parse_address(target)
  if not parsed then
    return nil, "Invalid target; not a valid hostname or ip address"
  end
  local host = parsed.host
  if parsed.type == "ipv6" then
    host = "[" .. checks.long_ipv6(host:sub(2, -2)) .. "]"
  end
  return fmt("%s:%d", host, parsed.port or DEFAULT_PORT)
end


-- A copy of the entity with its target normalised | nil, err, err_t.
local function normalized(self, entity)
  if type(entity) ~= "table" or type(entity.target) ~= "string" then
    return entity
  end
  local target, err = targets.normalize(entity.target)
  if not target then
    local err_t = self.errors:schema_violation({ target = err })
    return nil, tostring(err_t), err_t
  end
  local copy = {}
  for k, v in pairs(entity) do
    copy[k] = v
  end
  copy.target = target
  return copy
end


function targets:insert(entity, options)
  local row, err, err_t = normalized(self, entity)
  if not row then
    return nil, err, err_t
  end
  return self.super.insert(self, row, options)
end


function targets:update(primary_key, entity, options)
  local row, err, err_t = normalized(self, entity)
  if not row then
    return nil, err, err_t
  end
  return self.super.update(self, primary_key, row, options)
end


function targets:upsert(primary_key, entity, options)
  local row, err, err_t = normalized(self, entity)
  if not row then
    return nil, err, err_t
  end
  return self.super.upsert(self, primary_key, row, options)
end


return targets
