-- Plugins have to speak a protocol of what they are for. Methods over those of kong.db.dao for kong.db.plugins.
local value = require "kong.db.schema.value"

local ipairs = ipairs
local next = next
local tostring = tostring
local type = type

local null = value.null

local plugins = {}

local RAW = { raw = true }
local OF_ROUTE = "must match the associated route's protocols"
local OF_SERVICE = "must match the protocols of at least one route pointing to this Plugin's service"


local function is_given(v)
  return type(v) == "table" and v ~= null
end


local function have_common(protocols, others)
  for _, protocol in ipairs(protocols) do
    for _, other in ipairs(others or {}) do
      if protocol == other then
        return true
      end
    end
  end
  return false
end


-- The row that a reference by id or by name means | nil.
local function find(dao, reference)
  if reference.id then
    return dao:select({ id = reference.id }, RAW)
  end
  return reference.name and dao:select_by_name(reference.name, RAW)
end


local function is_for_service(db, protocols, reference)
  local service = find(db.services, reference)
  local has_routes = false
  if service then
    for route in db.routes:each_for_service({ id = service.id }, nil, RAW) do
      has_routes = true
      if have_common(protocols, route.protocols) then
        return true
      end
    end
  end
  return not has_routes
end


-- true | nil, err, err_t. Only protocols that are given are looked at.
local function check(self, plugin)
  if not is_given(plugin) or not is_given(plugin.protocols) or next(plugin.protocols) == nil then
    return true
  end
  local message
  if is_given(plugin.route) then
    local route = find(self.db.routes, plugin.route)
    message = route and not have_common(plugin.protocols, route.protocols) and OF_ROUTE
  elseif is_given(plugin.service) then
    message = not is_for_service(self.db, plugin.protocols, plugin.service) and OF_SERVICE
  end
  if not message then
    return true
  end
  local err_t = self.errors:schema_violation({ protocols = message })
  return nil, tostring(err_t), err_t
end


function plugins:insert(entity, options)
  local ok, err, err_t = check(self, entity)
  if not ok then
    return nil, err, err_t
  end
  return self.super.insert(self, entity, options)
end


function plugins:update(primary_key, entity, options)
  if is_given(entity) and (entity.protocols or entity.service or entity.route) then
    local old = self.super.select(self, primary_key, RAW) or {}
    local ok, err, err_t = check(self, {
      protocols = entity.protocols or old.protocols, service = entity.service or old.service, route = entity.route or old.route,
    })
    if not ok then
      return nil, err, err_t
    end
  end
  return self.super.update(self, primary_key, entity, options)
end


function plugins:upsert(primary_key, entity, options)
  local ok, err, err_t = check(self, entity)
  if not ok then
    return nil, err, err_t
  end
  return self.super.upsert(self, primary_key, entity, options)
end


return plugins
