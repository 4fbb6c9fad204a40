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


-- Collects the arguments of a transformation: the fields that it names, or all of the entity when it names none; nil when
-- one that it wants is absent.
local function arguments(spec, input, original)
  if not spec.input and not spec.needs then
    return { input }, 1
  end
  local args, n = {}, 0
  for _, path in ipairs(spec.input or {}) do
    local v = get(input, path)
    if v == nil or v == null then
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


return transform
