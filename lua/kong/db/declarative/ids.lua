-- Identifiers of entities that the configuration gives none: made from what makes the entity unique, so that they
-- are the same on every load. Used by kong.db.declarative.flatten. Must never look at other rows.
local uuids = require "kong.db.schema.ids"

local concat = table.concat
local ipairs = ipairs
local next = next
local type = type

local ids = {}


local root = uuids.namespace("fd02801f-0957-4a15-a55a-c8d9606f30b5")
local namespaces = {}


local function namespaced(entity, key)
  local namespace = namespaces[entity]
  if not namespace then
    namespace = uuids.namespace(root(entity))
    namespaces[entity] = namespace
  end
  return namespace(key)
end


-- "entity:workspace:v1:v2"; nil when a part will only be known later. A null or a table adds no part at all.
local function cache_key(schema, item, parent_id, parent_field)
  local parts = { schema.name, "*" }
  for _, name in ipairs(schema.cache_key) do
    local field = schema.fields[name]
    if field.auto then
      return nil
    end
    local v = item[name]
    if name == parent_field and type(v) == "table" and v.id == parent_id then
      v = nil
    end
    if type(v) == "string" then
      parts[#parts + 1] = v
    elseif v == nil then
      if name == parent_field then
        parts[#parts + 1] = parent_id
      elseif field.required then
        return nil
      else
        parts[#parts + 1] = ""
      end
    end
  end
  return concat(parts, ":")
end


local function endpoint_key(schema, item, parent_id)
  local name = schema.endpoint_key
  local key = item[name]
  local field = schema.fields[name]
  if type(key) ~= "string" then
    return nil
  end
  if field.unique then
    return key
  end
  for _, entry in ipairs(schema.fields) do
    local fname, foreign = next(entry)
    if foreign.type == "foreign" and foreign.on_delete == "cascade" then
      local v = parent_id or item[fname]
      if type(v) == "table" then
        v = v.id
      end
      if type(v) ~= "string" then
        return nil
      end
      key = key .. ":" .. v
    end
  end
  if not field.unique_across_ws then
    key = key .. ":*"
  end
  return key
end


-- parent_id, parent_field: of the entity the item is nested in, if it is. A UUID.
function ids.generate(schema, item, parent_id, parent_field)
  local key
  if parent_id ~= nil and type(parent_id) ~= "string" then
    return uuids.random()
  end
  if schema.cache_key then
    key = cache_key(schema, item, parent_id, parent_field)
  elseif schema.endpoint_key then
    key = endpoint_key(schema, item, parent_id)
  end
  if key then
    return namespaced(schema.name, key)
  end
  return uuids.random()
end


return ids
