-- All rows of the database as one configuration table for data planes: flat lists, references as plain ids, absent fields as nulls, what is
-- switched off left out. Runs in the control plane.

local cjson = require("cjson")

local null = cjson.null
local ipairs = ipairs
local next = next
local pairs = pairs
local type = type

local _M = {}


local function id_of(reference)
  return type(reference) == "table" and reference.id or reference
end


-- Nested tables without ws_id and the like stay as they are; only top-level fields are completed.
local function complete(info, row, dao)
  local shown = dao.schema:process_auto_fields(row, "select", true, { is_export = true })
  local out = {}
  for name, field in info.schema:each_field() do
    local v = shown[name]
    if v == nil then
      v = null
    elseif field.type == "foreign" and v ~= null then
      v = id_of(v)
    end
    out[name] = v
  end
  if info.name == "workspaces" then
    -- Kong's own are written without the parts that are not set.
    out.config, out.meta = {}, row.meta or {}
  end
  if info.schema.ttl then
    out.ttl = row.ttl or null
  end
  return out
end


local function is_over(info, row)
  return info.schema.ttl and row.ttl and row.ttl <= ngx.time()
end


-- Ids of rows that data planes do not get: switched-off services and their routes, plugins that are off or belong to those.
local function left_out(store)
  local services, routes = {}, {}
  for _, service in ipairs(store.services.list) do
    services[service.id] = service.enabled == false or nil
  end
  for _, route in ipairs(store.routes.list) do
    routes[route.id] = services[id_of(route.service)]
  end
  return services, routes
end


local function is_left_out(name, row, services, routes)
  if name == "services" then
    return services[row.id]
  elseif name == "routes" then
    return routes[row.id]
  elseif name == "plugins" then
    return row.enabled == false or services[id_of(row.service)] or routes[id_of(row.route)]
  end
end


-- store: a snapshot; pause: ngx.pause. The table, ready for cjson and for hashing.
function _M.config_table(db, store, pause)
  local out = { _format_version = "3.0", _transform = false }
  local services, routes = left_out(store)
  for _, info in ipairs(db.entities:sorted()) do
    local kind = store[info.name]
    if info.schema.db_export ~= false and kind and next(kind.list) ~= nil then
      local rows, n = {}, 0
      for _, row in ipairs(kind.list) do
        if not is_left_out(info.name, row, services, routes) and not is_over(info, row) then
          n = n + 1
          rows[n] = complete(info, row, db.daos[info.name])
          pause()
        end
      end
      out[info.name] = n > 0 and rows or nil
    end
  end
  return out
end


-- Names of the plugins that a configuration uses.
function _M.configured_plugins(config_table)
  local names = {}
  for _, plugin in pairs(config_table.plugins or {}) do
    names[plugin.name] = true
  end
  return names
end


return _M
