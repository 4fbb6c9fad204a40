-- resty.ljsonschema.combined: the keywords of any value: type, enum and those that combine schemas. Each function takes the compiler
-- and a schema and returns a check, or nil when the schema has no such keyword. A check takes the value and returns what is wrong.
local values = require "resty.ljsonschema.values"

local concat = table.concat
local floor = math.floor
local format = string.format
local ipairs = ipairs
local type = type

local combined = {}


-- name -> function(value, compiler) that tells whether the value is of that type. "table" and "function" are Lua's.
local TYPES = {
  object = function(value, compiler)
    return type(value) == "table" and (values.kind(value, compiler.array_mt))
  end,
  array = function(value, compiler)
    return type(value) == "table" and select(2, values.kind(value, compiler.array_mt))
  end,
  integer = function(value)
    return type(value) == "number" and floor(value) == value and value - value == 0
  end,
  null = function(value, compiler)
    return value == compiler.null
  end,
}

for _, name in ipairs { "string", "boolean", "number", "table", "function" } do
  TYPES[name] = function(value)
    return type(value) == name
  end
end


function combined.types(compiler, schema)
  local names = schema.type
  if names == nil then
    return nil
  end
  local is_one = type(names) == "string"
  if not is_one and type(names) ~= "table" then
    error('invalid "type" type: got ' .. type(names))
  end
  local judges, text = {}, is_one and names or "one of " .. concat(names, ", ")
  for i, name in ipairs(is_one and { names } or names) do
    judges[i] = TYPES[name] or error("invalid JSON type: " .. name)
  end
  return function(value)
    for i = 1, #judges do
      if judges[i](value, compiler) then
        return nil
      end
    end
    return "wrong type: expected " .. text .. ", got " .. values.name(value, compiler.array_mt, compiler.null)
  end
end


function combined.enum(compiler, schema)
  if not schema.enum then
    return nil
  end
  local scalars, tables = {}, {}
  for _, value in ipairs(schema.enum) do
    local kind = type(value)
    if kind == "table" then
      tables[#tables + 1] = value
    elseif kind == "number" or kind == "boolean" or kind == "string" or value == compiler.null then
      scalars[value] = true
    else
      error("unsupported enum type: " .. kind)
    end
  end
  return function(value)
    if value ~= nil and scalars[value] then
      return nil
    end
    for i = 1, type(value) == "table" and #tables or 0 do
      if values.equal(value, tables[i]) then
        return nil
      end
    end
    return "matches none of the enum values"
  end
end


local function validators_of(compiler, schemas)
  local validators = {}
  for i, schema in ipairs(schemas) do
    validators[i] = compiler:validator(schema)
  end
  return validators
end


function combined.all(compiler, schema)
  local validators = schema.allOf and validators_of(compiler, schema.allOf)
  return validators and function(value)
    for i = 1, #validators do
      local ok, err = validators[i].run(value)
      if not ok then
        return "allOf " .. i .. " failed: " .. err
      end
    end
  end
end


function combined.any(compiler, schema)
  local validators = schema.anyOf and validators_of(compiler, schema.anyOf)
  return validators and function(value)
    local reasons
    for i = 1, #validators do
      local ok, err = validators[i].run(value)
      if ok then
        return nil
      end
      reasons = (reasons and reasons .. "; " or "") .. i .. ") " .. err
    end
    return "object needs one of the following rectifications: " .. (reasons or "")
  end
end


function combined.one(compiler, schema)
  local validators = schema.oneOf and validators_of(compiler, schema.oneOf)
  return validators and function(value)
    local matched
    for i = 1, #validators do
      if validators[i].run(value) then
        if matched then
          return format("value should match only one schema, but matches both schemas %d and %d", matched, i)
        end
        matched = i
      end
    end
    if not matched then
      return "value should match only one schema, but matches none"
    end
  end
end


function combined.no(compiler, schema)
  local validator = schema["not"] and compiler:validator(schema["not"])
  return validator and function(value)
    if validator.run(value) then
      return "value wasn't supposed to match schema"
    end
  end
end


return combined
