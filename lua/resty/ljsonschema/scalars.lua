-- resty.ljsonschema.scalars: the keywords of strings and numbers. Each function takes the compiler and a schema and returns a
-- check, or nil when the schema has nothing of that kind. A check takes the value and returns what is wrong with it, or nil.
local values = require "resty.ljsonschema.values"

local format = string.format
local huge = math.huge
local modf = math.modf
local number = values.number

local scalars = {}

local FORMATS = { date = values.is_date, time = values.is_time, ["date-time"] = values.is_date_time }


local function of_format(name)
  local judge = FORMATS[name]
  if not judge then
    return nil
  end
  return function(text)
    local is_ok, is_leap = judge(text)
    if not is_ok then
      return format("expected valid %s, got %q", is_leap and "leap year date" or '"' .. name .. '"', text)
    end
  end
end


function scalars.string(compiler, schema)
  local min, max, pattern = schema.minLength, schema.maxLength, schema.pattern
  local judge = of_format(schema.format)
  if not (min or max or pattern or judge) then
    return nil
  end
  local length_of, matches = compiler.str_len, compiler.match_pattern
  return function(text)
    local length = length_of(text)
    if not length then
      return "failed to get string length, invalid utf8"
    elseif min and length < min then
      return format("string too short, expected at least %d, got %d", min, length)
    elseif max and length > max then
      return format("string too long, expected at most %d, got %d", max, length)
    elseif pattern and not matches(text, pattern) then
      return format("failed to match pattern %s with %q", pattern, text)
    end
    return judge and judge(text)
  end
end


local function is_multiple(value, of)
  if modf(of) == of then
    return value % of == 0
  end
  local quotient = value / of
  return modf(quotient) == quotient and quotient ~= huge and quotient ~= -huge
end


-- The words of the messages are Kong's, spelling included.
function scalars.number(_, schema)
  local min, max, multiple = schema.minimum, schema.maximum, schema.multipleOf
  if not (min or max or multiple) then
    return nil
  end
  local above, below = schema.exclusiveMinimum, schema.exclusiveMaximum
  return function(value)
    if min and (value < min or above and value == min) then
      return format("expected %s to be %s than %s", number(value), above and "sctrictly greater" or "greater", number(min))
    elseif max and (value > max or below and value == max) then
      return format("expected %s to be %s than %s", number(value), below and "sctrictly smaller" or "smaller", number(max))
    elseif multiple and not is_multiple(value, multiple) then
      return format("expected %s to be a multiple of %s", value, multiple)
    end
  end
end


return scalars
