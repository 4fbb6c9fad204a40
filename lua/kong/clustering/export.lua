-- All rows of the database as one message for data planes: flat lists, references as plain ids, absent fields as nulls, what is
-- switched off left out. Runs in the control plane.

local cjson = require("cjson")
local config_hash = require("kong.clustering.config_hash")
local mark_arrays = require("kong.db.schema.value").mark_arrays

local null = cjson.null
local ipairs = ipairs
local next = next
local pairs = pairs
local type = type

local _M = {}

-- Data planes resolve references to secrets themselves.
local AS_STORED = { resolve = false }


local function id_of(reference)
  return type(reference) == "table" and reference.id or reference
end


-- Nested tables without ws_id and the like stay as they are; only top-level fields are completed.
local function complete(info, row, dao)
  local shown = dao.schema:process_auto_fields(row, "select", true, AS_STORED)
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
  return mark_arrays(out)
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


-- Of rows that did not change: {row = table, json, text}, by the database's row.
local known = setmetatable({}, { __mode = "k" })


-- What a row looks like in a message, made once. Rows that end by themselves or whose parts are shown otherwise later are never kept.
local function encoded(info, row, dao)
  local found = known[row]
  if not found then
    local shown = complete(info, row, dao)
    found = { json = cjson.encode(shown), text = config_hash.text_of(shown) }
    if not row.ttl then
      known[row] = found
    end
  end
  return found
end


local function section_of(info, rows)
  local section = { n = 0, jsons = {}, texts = {} }
  section.row = function(i)
    return cjson.decode(section.jsons[i])
  end
  for i, item in ipairs(rows) do
    section.n = i
    section.jsons[i] = item.json
    section.texts[i] = item.text or false
  end
  return section, info
end


-- store: a snapshot; pause: ngx.pause. sections = entity name -> {n, jsons, texts, row(i)}, members = plain members of the table,
-- and the set of names of configured plugins.
function _M.sections(db, store, pause)
  local sections, configured = {}, {}
  local services, routes = left_out(store)
  for _, info in ipairs(db.entities:sorted()) do
    local kind = store[info.name]
    if info.schema.db_export ~= false and kind and next(kind.list) ~= nil then
      local rows, n = {}, 0
      for _, row in ipairs(kind.list) do
        if not is_left_out(info.name, row, services, routes) and not is_over(info, row) then
          n = n + 1
          rows[n] = encoded(info, row, db.daos[info.name])
          if info.name == "plugins" then
            configured[row.name] = true
          end
          pause()
        end
      end
      sections[info.name] = n > 0 and section_of(info, rows) or nil
    end
  end
  return sections, { _format_version = "3.0", _transform = false }, configured
end


-- The JSON text of a reconfigure message.
function _M.message(sections, members, hash, hashes)
  local parts = {}
  for name, value in pairs(members) do
    parts[#parts + 1] = cjson.encode(name) .. ":" .. cjson.encode(value)
  end
  for name, section in pairs(sections) do
    parts[#parts + 1] = cjson.encode(name) .. ":[" .. table.concat(section.jsons, ",") .. "]"
  end
  return '{"type":"reconfigure","timestamp":' .. cjson.encode(ngx.now()) .. ',"config_table":{' .. table.concat(parts, ",") .. '},"config_hash":"'
      .. hash .. '","hashes":' .. cjson.encode(hashes) .. "}"
end


return _M
