-- Turns field definitions into check functions value -> true | nil, err (text, or table for containers).
-- Compiled once per field and cached by the field table, because 10,000 routes run through them at start.
-- Used by kong.db.schema. Must never fill values in (that is kong.db.schema.fill) or change its input.
local messages = require "kong.db.schema.messages"
local validators = require "kong.db.schema.validators"
local value = require "kong.db.schema.value"

local type = type
local pairs = pairs
local ipairs = ipairs
local floor = math.floor
local huge = math.huge
local fmt = string.format

local null = value.null
local is_array = value.is_array
local is_reference = value.is_reference

local compile = {}


-- field table -> check function; weak so that schemas of tests can go away.
local compiled = setmetatable({}, { __mode = "k" })


-- A validator error inside `err` of the field is replaced by the field's own text.
local function chain(field, schema)
  local list, n = {}, 0
  for _, name in ipairs(validators.ORDER) do
    local arg = field[name]
    if arg ~= nil then
      local fn = validators[name](arg, field, schema)
      if fn then
        n = n + 1
        list[n] = fn
      end
    end
  end
  -- A string may not be empty unless the schema says so.
  if field.type == "string" and field.len_min == nil and field.len_eq == nil then
    n = n + 1
    table.insert(list, 1, validators.len_min(1))
  end
  return list, n
end


local TYPE_MESSAGES = {
  string = messages.STRING,
  number = messages.NUMBER,
  integer = messages.INTEGER,
  boolean = messages.BOOLEAN,
  ["function"] = messages.FUNCTION,
}


local function is_integer(v)
  return type(v) == "number" and floor(v) == v and v ~= huge and v ~= -huge
end


local function with_validators(field, schema, base)
  local list, n = chain(field, schema)
  local own = field.err
  if n == 0 then
    return base
  end
  if n == 1 then
    local first = list[1]
    return function(v)
      local ok, err = base(v)
      if not ok then
        return nil, err
      end
      ok, err = first(v)
      if ok then
        return true
      end
      return nil, own or err
    end
  end
  return function(v)
    local ok, err = base(v)
    if not ok then
      return nil, err
    end
    for i = 1, n do
      ok, err = list[i](v)
      if not ok then
        return nil, own or err
      end
    end
    return true
  end
end


local function scalar_check(field, schema)
  local wanted = field.type
  local message = field.err or TYPE_MESSAGES[wanted]
  local base
  if wanted == "integer" then
    base = function(v)
      if is_integer(v) then
        return true
      end
      return nil, message
    end
  else
    base = function(v)
      if type(v) == wanted then
        return true
      end
      return nil, message
    end
  end
  local full = with_validators(field, schema, base)
  if not field.referenceable then
    return full
  end
  return function(v)
    if is_reference(v) then
      return true
    end
    return full(v)
  end
end


local function list_check(field, schema)
  local message = field.err or (field.type == "set" and messages.SET or messages.ARRAY)
  local elements = field.elements and compile.field(field.elements, schema)
  local base = function(v)
    if not is_array(v) then
      return nil, message
    end
    local errs
    for i = 1, #v do
      local item = v[i]
      local err
      if item == null then
        err = field.elements and field.elements.required ~= false and messages.REQUIRED or nil
      elseif elements then
        local _
        _, err = elements(item)
      end
      if err then
        errs = errs or {}
        errs[i] = err
      end
    end
    if errs then
      return nil, errs
    end
    return true
  end
  return with_validators(field, schema, base)
end


local function map_check(field, schema)
  local message = field.err or messages.MAP
  local keys = field.keys and compile.field(field.keys, schema)
  local vals = field.values and compile.field(field.values, schema)
  local base = function(v)
    if type(v) ~= "table" then
      return nil, message
    end
    for k, item in pairs(v) do
      local ok, err
      if keys then
        ok, err = keys(k)
        if not ok then
          return nil, err
        end
      end
      if vals then
        ok, err = vals(item)
        if not ok then
          return nil, err
        end
      end
    end
    return true
  end
  return with_validators(field, schema, base)
end


local function record_check(field, schema)
  local message = field.err or messages.RECORD
  local base = function(v)
    if type(v) ~= "table" then
      return nil, message
    end
    -- Looked up late: the record's schema may still be under construction here.
    return schema.record_schema(field):validate_record(v)
  end
  return with_validators(field, schema, base)
end


local function foreign_check(field, schema)
  local base = function(v)
    if type(v) ~= "table" then
      return nil, field.err or fmt("expected a %s", "record")
    end
    local target = schema.foreign_schema(field)
    if not target then
      return true
    end
    local ok, err = target:validate_primary_key(v, true)
    if not ok then
      return nil, err
    end
    return true
  end
  return with_validators(field, schema, base)
end


local MAKERS = {
  string = scalar_check,
  number = scalar_check,
  integer = scalar_check,
  boolean = scalar_check,
  ["function"] = scalar_check,
  array = list_check,
  set = list_check,
  map = map_check,
  record = record_check,
  foreign = foreign_check,
}


local function any_check(field, schema)
  return with_validators(field, schema, function()
    return true
  end)
end


-- null is judged before any validator: only eq, ne and required have a say about it.
local function with_null(field, check)
  local own = field.err
  local must_be_null = field.eq == null
  local not_null = field.ne == null and (own or fmt(messages.NE, "null"))
  local wrong_null
  if field.eq ~= nil and not must_be_null then
    wrong_null = own or fmt(messages.EQ, tostring(field.eq))
  elseif field.required then
    wrong_null = messages.REQUIRED
  end
  local null_only = own or fmt(messages.EQ, "null")
  return function(v)
    if v == null or v == nil then
      local err = not_null or wrong_null
      if err then
        return nil, err
      end
      return true
    end
    if must_be_null then
      return nil, null_only
    end
    return check(v)
  end
end


local function make(field, schema)
  -- `self` fields refer to the schema they stand in; the first call breaks the circle.
  compiled[field] = function(v)
    return compiled[field](v)
  end
  local maker = MAKERS[field.type] or any_check
  if field.type ~= nil and not MAKERS[field.type] and field.type ~= "any"
     and field.type ~= "json" and field.type ~= "self" then
    local message = fmt(messages.UNKNOWN_TYPE, tostring(field.type))
    maker = function()
      return function()
        return nil, message
      end
    end
  end
  local check = with_null(field, maker(field, schema))
  compiled[field] = check
  return check
end


-- schema: the kong.db.schema class; it answers record_schema(field) and foreign_schema(field).
-- Closes over nothing, so that LuaJIT compiles what calls it.
function compile.field(field, schema)
  return compiled[field] or make(field, schema)
end


return compile
