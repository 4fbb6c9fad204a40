-- resty.ljsonschema.arrays: the keywords of arrays. compile() takes the compiler and a schema and returns a check, or nil when the
-- schema says nothing about arrays. A check takes an array and returns what is wrong with it, or nil.
local values = require "resty.ljsonschema.values"

local format = string.format
local type = type

local arrays = {}


local function of_size(schema)
  local min, max = schema.minItems, schema.maxItems
  if not min and not max then
    return nil
  end
  return function(array)
    if min and #array < min then
      return "expect array to have at least " .. min .. " items"
    elseif max and #array > max then
      return "expect array to have at most " .. max .. " items"
    end
  end
end


-- Items from the first-th on against one schema; `title` begins the message.
local function of_each(compiler, schema, first, title)
  local validator = compiler:validator(schema)
  return function(array)
    for i = first, #array do
      local ok, err = validator.run(array[i])
      if not ok then
        return format("failed to validate %s %d: %s", title, i, err)
      end
    end
  end
end


-- items as a list: a schema for each place.
local function of_places(compiler, schemas)
  local validators = {}
  for i = 1, #schemas do
    validators[i] = compiler:validator(schemas[i])
  end
  return function(array)
    for i = 1, #validators do
      local item = array[i]
      if item == nil then
        return nil
      end
      local ok, err = validators[i].run(item)
      if not ok then
        return "failed to validate item " .. i .. ": " .. err
      end
    end
  end
end


local function none_after(count)
  return function(array)
    if array[count + 1] ~= nil then
      return "found unexpected extra items in array"
    end
  end
end


local function all_differ(array)
  local i, j = values.repeated(array)
  if i then
    return format("expected unique items but items %d and %d are equal", i, j)
  end
end


function arrays.compile(compiler, schema)
  local checks = { of_size(schema) }
  local items, more = schema.items, schema.additionalItems
  if items and #items > 0 then
    checks[#checks + 1] = of_places(compiler, items)
    if more == false then
      checks[#checks + 1] = none_after(#items)
    elseif type(more) == "table" then
      checks[#checks + 1] = of_each(compiler, more, #items + 1, "additional item")
    end
  elseif items then
    checks[#checks + 1] = of_each(compiler, items, 1, "item")
  end
  if schema.uniqueItems then
    checks[#checks + 1] = all_differ
  end
  return values.first_failure(checks)
end


return arrays
