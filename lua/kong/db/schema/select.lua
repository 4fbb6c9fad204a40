-- Turns a stored entity into what readers get: nulls gone, sets searchable, deprecated names shown again,
-- vault references resolved. Used by kong.db.schema (context "select") and the DAOs.
-- Must never write to the stored row: callers hand in a copy.
local fill = require "kong.db.schema.fill"
local value = require "kong.db.schema.value"

local type = type
local pairs = pairs
local ipairs = ipairs
local next = next

local null = value.null
local is_reference = value.is_reference

local select_row = {}


-- Keeps the reference beside the value under "$refs", so that it can be resolved again when it rotates.
local function resolve(data, name, v)
  local vault = kong and kong.vault
  if not vault or not vault.get then
    return v
  end
  local refs = data["$refs"]
  if not refs then
    refs = {}
    data["$refs"] = refs
  end
  refs[name] = v
  local ok, found, err = pcall(vault.get, v)
  if ok and found then
    return found
  end
  if kong.log and kong.log.warn then
    kong.log.warn("unable to resolve reference ", v, " (", (ok and err or found) or "no value", ")")
  end
  return ""
end


local function resolve_list(data, name, list)
  local found = {}
  local refs
  for i, item in ipairs(list) do
    if is_reference(item) then
      refs = refs or {}
      refs[i] = item
      local holder = {}
      found[i] = resolve(holder, name, item)
    else
      found[i] = item
    end
  end
  if not refs then
    return list
  end
  data["$refs"] = data["$refs"] or {}
  data["$refs"][name] = refs
  return setmetatable(found, getmetatable(list))
end


local process_record


local process_value


-- References of a map's values are kept beside the map.
local function process_map(class, data, name, values, map, nulls, opts)
  local refs
  for k, item in pairs(map) do
    if item == null and not nulls then
      map[k] = nil
    elseif values.referenceable and is_reference(item) and opts.resolve ~= false then
      refs = refs or {}
      refs[k] = item
      map[k] = resolve({}, k, item)
    elseif type(item) == "table" then
      map[k] = process_value(class, map, k, values, item, nulls, opts)
    end
  end
  if refs then
    data["$refs"] = data["$refs"] or {}
    data["$refs"][name] = refs
  end
end


function process_value(class, data, name, field, v, nulls, opts)
  if type(v) ~= "table" then
    if field.referenceable and is_reference(v) and opts.resolve ~= false then
      return resolve(data, name, v)
    end
    return v
  end
  local kind = field.type
  if kind == "record" then
    return process_record(class.record_schema(field), v, nulls, opts)
  elseif kind == "array" or kind == "set" then
    local elements = field.elements
    if elements and elements.type == "record" then
      for i = 1, #v do
        if type(v[i]) == "table" then
          v[i] = process_record(class.record_schema(elements), v[i], nulls, opts)
        end
      end
    elseif elements and elements.referenceable and opts.resolve ~= false then
      v = resolve_list(data, name, v)
    end
    return fill.value(field, v, "select", nulls, class)
  elseif kind == "map" and field.values then
    process_map(class, data, name, field.values, v, nulls, opts)
  end
  return v
end


local function follow(data, path)
  for _, name in ipairs(path) do
    if type(data) ~= "table" then
      return nil
    end
    data = data[name]
  end
  return data
end


-- Old names of fields go on being readable after they were replaced.
local function show_shorthands(plan, data, nulls)
  for _, shorthand in ipairs(plan.shorthands) do
    local field = shorthand.field
    local replaced = field.deprecation and field.deprecation.replaced_with
    local first = replaced and replaced[1]
    if first and first.path then
      local v = follow(data, first.path)
      if v ~= nil and v ~= null and first.reverse_mapping_function then
        v = first.reverse_mapping_function(data)
      elseif field.translate_backwards_with then
        v = field.translate_backwards_with(data)
      end
      if v == nil and nulls then
        v = null
      end
      data[shorthand.name] = v
    elseif field.translate_backwards then
      local v = follow(data, field.translate_backwards)
      if v == nil and nulls then
        v = null
      end
      data[shorthand.name] = v
    end
  end
end


function process_record(schema, data, nulls, opts)
  local plan = schema:view_for(data)
  for i = 1, plan.n do
    local name = plan.names[i]
    local v = data[name]
    if v == nil then
      if nulls then
        data[name] = null
      end
    elseif v == null then
      if not nulls then
        data[name] = nil
      end
    else
      local class = schema.foreign_schema and schema or getmetatable(schema)
      data[name] = process_value(class, data, name, plan.fields[i], v, nulls, opts)
    end
  end
  if next(plan.shorthands) and not opts.hide_shorthands then
    show_shorthands(plan, data, nulls)
  end
  return data
end


function select_row.process(schema, data, nulls, opts)
  return process_record(schema, data, nulls, opts or {})
end


return select_row
