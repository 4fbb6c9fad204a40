-- Runs the transformations of a schema: functions that rewrite fields when written or read.
-- Used by kong.db.schema. Must never decide when to transform (the declarative `_transform` does that).
local messages = require "kong.db.schema.messages"
local value = require "kong.db.schema.value"

local ipairs = ipairs
local fmt = string.format
local unpack = unpack

local null = value.null
local get = value.get

local transform = {}


local function is_set(t, path)
  local v = get(t, path)
  return v ~= nil and v ~= null
end


-- Collects the arguments of a transformation: the fields that it names, or all of the entity when it names none; nil when
-- one that it wants is absent. Of a partial change only what the caller gave is transformed: the rest was before.
local function arguments(spec, input, original)
  if not spec.input and not spec.needs then
    return { input }, 1
  end
  local args, n = {}, 0
  for _, path in ipairs(spec.input or {}) do
    local v = get(input, path)
    if v == nil or v == null or original and not is_set(original, path) then
      return nil
    end
    n = n + 1
    args[n] = v
  end
  for _, path in ipairs(spec.needs or {}) do
    local v = get(input, path)
    if v == nil and original then
      v = get(original, path)
    end
    if v == nil then
      return nil
    end
    n = n + 1
    args[n] = v
  end
  return args, n
end


function transform.run(plan, input, original, context)
  local list = plan.transformations
  if #list == 0 then
    return input
  end
  local hook = context == "select" and "on_read" or "on_write"
  local output = input
  for _, spec in ipairs(list) do
    local fn = spec[hook]
    local args, n
    if fn then
      args, n = arguments(spec, output, original)
    end
    if args then
      local changed, err = fn(unpack(args, 1, n))
      if err then
        return nil, fmt(messages.TRANSFORMATION_ERROR, err)
      end
      if changed then
        output = value.deep_merge(output, changed)
      end
    end
  end
  return output
end


-- What a partial change gives has to be enough for the transformations that it touches. given: the change; old: the row
-- as it was. The message of the first that lacks something | nil.
function transform.check(plan, given, old)
  for _, spec in ipairs(plan.transformations) do
    local names, n = {}, 0
    local is_touched = false
    for _, path in ipairs(spec.input or {}) do
      names[#names + 1] = path
      is_touched = is_touched or is_set(given, path)
    end
    for _, path in ipairs(spec.needs or {}) do
      names[#names + 1] = path
      is_touched = is_touched or get(given, path) ~= get(old, path)
    end
    for _, path in ipairs(names) do
      n = n + (is_set(given, path) and 1 or 0)
    end
    if is_touched and n > 0 and n < #names then
      return fmt(messages.MUTUALLY_REQUIRED, value.quoted_list(names))
    end
  end
end


return transform
