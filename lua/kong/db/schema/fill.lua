-- Fills an entity for a context: defaults, ids, timestamps, random keys, nulls, set semantics.
-- Contexts are "insert", "upsert", "update" and "select", as DAOs and plugins name them.
-- Used by kong.db.schema (process_auto_fields). Must never validate.
local ids = require "kong.db.schema.ids"
local messages = require "kong.db.schema.messages"
local value = require "kong.db.schema.value"

local type = type
local pairs = pairs
local ipairs = ipairs
local tostring = tostring
local fmt = string.format
local concat = table.concat
local floor = math.floor
local rawget = rawget
local getmetatable = getmetatable
local setmetatable = setmetatable

local null = value.null
local array_mt = value.array_mt
local set_mt = value.set_mt
local deep_copy = value.deep_copy

local fill = {}


-- Container elements are only walked when they hold something to fill.
local walks = setmetatable({}, { __mode = "k" })


local function needs_walk(field)
  local known = walks[field]
  if known ~= nil then
    return known
  end
  walks[field] = false
  local kind = field.type
  local needed = kind == "record" or kind == "set" or kind == "array" or kind == "integer"
  if kind == "map" then
    needed = field.values ~= nil and needs_walk(field.values)
  end
  walks[field] = needed
  return needed
end


-- Members keep their first position; a set of records is left as it is.
local function make_set(list)
  local n = #list
  if n > 1 then
    local seen, count = {}, 0
    local double = false
    for i = 1, n do
      local item = list[i]
      if seen[item] then
        double = true
        break
      end
      seen[item] = true
    end
    if double then
      local unique
      seen, unique = {}, {}
      for i = 1, n do
        local item = list[i]
        if not seen[item] then
          seen[item] = true
          count = count + 1
          unique[count] = item
        end
      end
      return setmetatable(unique, set_mt)
    end
  end
  return setmetatable(list, set_mt)
end


local fill_value


local function fill_list(field, list, context, nulls, class)
  local elements = field.elements
  if elements and needs_walk(elements) then
    for i = 1, #list do
      list[i] = fill_value(elements, rawget(list, i), context, nulls, class)
    end
  end
  if field.type == "set" then
    return make_set(list)
  end
  local mt = getmetatable(list)
  if mt == nil then
    setmetatable(list, array_mt)
  end
  return list
end


function fill_value(field, v, context, nulls, class)
  local kind = field.type
  if type(v) ~= "table" then
    if kind == "integer" and type(v) == "number" and context == "select" then
      return floor(v)
    end
    return v
  end
  if kind == "array" or kind == "set" then
    return fill_list(field, v, context, nulls, class)
  elseif kind == "record" then
    return class.record_schema(field):fill(v, context, nulls)
  elseif kind == "map" then
    local values = field.values
    if values and needs_walk(values) then
      for k, item in pairs(v) do
        v[k] = fill_value(values, item, context, nulls, class)
      end
    end
  end
  return v
end


fill.value = fill_value


-- What an absent field becomes when an entity is made.
function fill.missing(field)
  local default = field.default
  if default ~= nil then
    if type(default) ~= "table" then
      return default
    end
    return deep_copy(default)
  end
  if field.required or field.nilable then
    if field.type == "record" and not field.abstract then
      return {}
    end
    return nil
  end
  return null
end


-- Generates the value of an `auto` field; `now_s` and `now_ms` are the same for a whole entity.
function fill.auto(name, field, context, now_s, now_ms)
  if name == "created_at" and (context == "insert" or context == "upsert")
     or name == "updated_at" and context ~= "select" then
    if field.type == "number" then
      return now_ms
    end
    return now_s
  end
  if context ~= "insert" and context ~= "upsert" then
    return nil
  end
  if field.uuid then
    return ids.random()
  end
  if field.type == "string" then
    return ids.random_string()
  end
  if field.type == "number" then
    return now_ms
  elseif field.type == "integer" then
    return now_s
  end
  return nil
end


-- Errors of shorthand fields found while filling; validation asks for them.
local shorthand_errors = setmetatable({}, { __mode = "k" })


function fill.shorthand_error(data, name)
  local errs = shorthand_errors[data]
  return errs and errs[name]
end


local function remember(data, name, err)
  local errs = shorthand_errors[data]
  if not errs then
    errs = {}
    shorthand_errors[data] = errs
  end
  errs[name] = err
end


-- The value at a path of the replacement and of what the user wrote beside it, if both are there.
local function mismatch(name, shorthand, old, data, made)
  local replaced = shorthand.deprecation and shorthand.deprecation.replaced_with
  for _, target in ipairs(replaced or {}) do
    local ours, theirs = made, data
    for _, part in ipairs(target.path or {}) do
      ours = type(ours) == "table" and ours[part] or nil
      theirs = type(theirs) == "table" and theirs[part] or nil
    end
    if ours ~= nil and theirs ~= nil and theirs ~= null and ours ~= null
       and not value.deep_equal(ours, theirs) then
      return fmt(messages.DEPRECATED_MISMATCH, name, tostring(old),
                 concat(target.path, "."), tostring(theirs))
    end
  end
end


local function apply_shorthand(entry, data, class)
  local name, field = entry.name, entry.field
  local v = data[name]
  if v == nil then
    return
  end
  local ok = class.validate_field(class, field, v)
  if not ok then
    return
  end
  local made, err
  if field.func then
    made, err = field.func(v)
  end
  err = err or made and mismatch(name, field, v, data, made)
  if err then
    remember(data, name, err)
    return
  end
  data[name] = nil
  for k, new in pairs(made or {}) do
    if type(new) == "table" and type(data[k]) == "table" then
      data[k] = value.deep_merge(new, data[k])
    elseif data[k] == nil or data[k] == null then
      data[k] = new
    end
  end
end


local function now()
  local n = ngx
  if n and n.now then
    local ms = n.now()
    return floor(ms), ms
  end
  local s = os.time()
  return s, s
end


local NEW = { insert = true, upsert = true }


-- Lists of plain values that a field defaults to are the same table in every row: ten thousand routes have one list
-- of protocols together.
local function shared_default(plan, i, context, nulls, class)
  local v = plan.defaults[i]
  if v == nil then
    v = fill_value(plan.fields[i], fill.missing(plan.fields[i]), context, nulls, class)
    plan.defaults[i] = v
  end
  return v
end


-- Fills one entity or record in place. nulls: absent optional fields become null.
function fill.entity(plan, data, context, nulls, class)
  for i = 1, #plan.shorthands do
    apply_shorthand(plan.shorthands[i], data, class)
  end
  local names, fields, kinds, autos = plan.names, plan.fields, plan.kinds, plan.autos
  local is_new = NEW[context]
  if is_new and plan.prefill then
    plan.prefill(data)
  end
  local now_s, now_ms
  for i = 1, plan.n do
    local name = names[i]
    local v = data[name]
    if type(v) == "table" then
      data[name] = fill_value(fields[i], v, context, nulls, class)
    elseif v == nil or v == null and autos[i] then
      if autos[i] then
        if not now_s then
          now_s, now_ms = now()
        end
        v = fill.auto(name, fields[i], context, now_s, now_ms)
        if v ~= nil then
          data[name] = v
        end
      elseif is_new then
        local kind = kinds[i]
        if kind == "scalar" then
          data[name] = plan.defaults[i]
        elseif kind == "shared" then
          data[name] = shared_default(plan, i, context, nulls, class)
        elseif kind == "made" then
          v = fill.missing(fields[i])
          if type(v) == "table" then
            v = fill_value(fields[i], v, context, nulls, class)
          end
          if v ~= null or nulls then
            data[name] = v
          end
        elseif kind == "null" and nulls then
          data[name] = null
        end
      end
    end
  end
  return data
end


return fill
