-- resty.ljsonschema.objects: the keywords of objects. Each function takes the compiler and a schema and returns a check, or nil
-- when the schema has nothing of that kind. A check takes an object and returns what is wrong with it, or nil.
local ipairs = ipairs
local next = next
local pairs = pairs
local sort = table.sort
local tostring = tostring
local type = type
local values = require "resty.ljsonschema.values"

local objects = {}


-- Keys in an order that does not change between runs, so that neither does the first thing that is found wrong.
local function sorted(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return keys
end


local function demand(name, condition)
  local message = "property " .. name .. " is required" .. (condition or "")
  return function(object)
    if object[name] == nil then
      return message
    end
  end
end


-- What the presence of a property asks for: other properties, or a schema for the whole object.
local function dependency(compiler, name, needs)
  if #needs == 0 then
    local validator = compiler:validator(needs)
    return function(object)
      local ok, err = validator.run(object)
      if not ok then
        return "failed to validate dependent schema for " .. name .. ": " .. err
      end
    end
  end
  local checks = {}
  for i, other in ipairs(needs) do
    checks[i] = demand(other, " when " .. name .. " is set")
  end
  return values.first_failure(checks)
end


local function property(compiler, name, schema, needs, is_required)
  local validator = compiler:validator(schema)
  local depends = needs and dependency(compiler, name, needs)
  local missing = is_required and "property " .. name .. " is required" or nil
  return function(object)
    local value = object[name]
    if value == nil then
      return missing
    end
    local ok, err = validator.run(value)
    if not ok then
      return "property " .. name .. " validation failed: " .. err
    end
    return depends and depends(object)
  end
end


-- properties, required and dependencies: a list of checks.
local function of_names(compiler, schema)
  local checks = {}
  local properties, dependencies = schema.properties or {}, schema.dependencies or {}
  local required = {}
  for _, name in ipairs(schema.required or {}) do
    required[name] = true
  end
  for _, name in ipairs(sorted(properties)) do
    checks[#checks + 1] = property(compiler, name, properties[name], dependencies[name], required[name])
  end
  for _, name in ipairs(schema.required or {}) do
    if not properties[name] then
      checks[#checks + 1] = demand(name)
    end
  end
  for _, name in ipairs(sorted(dependencies)) do
    if not properties[name] then
      local check = dependency(compiler, name, dependencies[name])
      checks[#checks + 1] = function(object)
        return object[name] ~= nil and check(object) or nil
      end
    end
  end
  return checks
end


-- patternProperties: a function of a name and its value that returns whether a pattern matched, and what is wrong.
local function by_pattern(compiler, schemas)
  local patterns, validators = sorted(schemas), {}
  local matches = compiler.match_pattern
  for i, pattern in ipairs(patterns) do
    validators[i] = compiler:validator(schemas[pattern])
  end
  return function(name, value)
    local is_matched = false
    for i = 1, #patterns do
      if matches(name, patterns[i]) then
        is_matched = true
        local ok, err = validators[i].run(value)
        if not ok then
          return true, "failed to validate " .. name .. " (matching " .. patterns[i] .. "): " .. err
        end
      end
    end
    return is_matched
  end
end


-- additionalProperties: a function of a name and its value that returns what is wrong; nil when all are welcome.
local function additional(compiler, schema)
  if schema == false then
    return function(name)
      return "additional properties forbidden, found " .. name
    end
  elseif type(schema) == "table" then
    local validator = compiler:validator(schema)
    return function(name, value)
      local ok, err = validator.run(value)
      if not ok then
        return "failed to validate additional property " .. name .. ": " .. err
      end
    end
  end
end


-- patternProperties and additionalProperties walk the object once.
local function of_members(compiler, schema)
  local pattern = schema.patternProperties and by_pattern(compiler, schema.patternProperties)
  local other = additional(compiler, schema.additionalProperties)
  if not pattern and not other then
    return nil
  end
  local known = schema.properties or {}
  return function(object)
    for name, value in next, object do
      local is_matched, err = false, nil
      if pattern then
        is_matched, err = pattern(name, value)
      end
      if not err and other and not is_matched and known[name] == nil then
        err = other(name, value)
      end
      if err then
        return err
      end
    end
  end
end


local function of_size(schema)
  local min, max = schema.minProperties, schema.maxProperties
  if not min and not max then
    return nil
  end
  return function(object)
    local count = 0
    for _ in next, object do
      count = count + 1
    end
    if min and count < min then
      return "expect object to have at least " .. min .. " properties"
    elseif max and count > max then
      return "expect object to have at most " .. max .. " properties"
    end
  end
end


function objects.compile(compiler, schema)
  local checks = of_names(compiler, schema)
  checks[#checks + 1] = of_members(compiler, schema)
  checks[#checks + 1] = of_size(schema)
  return values.first_failure(checks)
end


return objects
