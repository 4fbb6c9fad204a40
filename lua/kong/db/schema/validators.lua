-- Value validators: one maker per field attribute (between, one_of, match ...). A maker takes the
-- attribute's argument and the field and returns a function value -> true | nil, message.
-- Used by kong.db.schema.compile only. Must never look at a field's type or at null.
local messages = require "kong.db.schema.messages"
local value = require "kong.db.schema.value"

local type = type
local ipairs = ipairs
local tostring = tostring
local fmt = string.format
local concat = table.concat

local validators = {}


-- Attributes are tried in this order; the first failing one gives the message.
validators.ORDER = {
  "eq", "ne", "not_one_of", "one_of", "gt", "timestamp", "uuid", "is_regex", "between",
  "len_eq", "len_min", "len_max", "starts_with", "not_match", "match_none", "match", "match_all",
  "match_any", "contains", "custom_validator", "mutually_exclusive_subsets",
}


local function number_text(n)
  if type(n) == "number" and n == math.floor(n) and n > -1e15 and n < 1e15 then
    return fmt("%d", n)
  end
  return tostring(n)
end


local function shown(v)
  if v == value.null then
    return "null"
  end
  return type(v) == "number" and number_text(v) or tostring(v)
end


function validators.eq(arg)
  local message = fmt(messages.EQ, shown(arg))
  return function(v)
    if v == arg then
      return true
    end
    return nil, message
  end
end


function validators.ne(arg)
  local message = fmt(messages.NE, shown(arg))
  return function(v)
    if v ~= arg then
      return true
    end
    return nil, message
  end
end


local function lookup_and_text(list)
  local lookup, names = {}, {}
  for i, v in ipairs(list) do
    lookup[v] = true
    names[i] = shown(v)
  end
  return lookup, concat(names, ", ")
end


function validators.one_of(list)
  local lookup, names = lookup_and_text(list)
  local message = fmt(messages.ONE_OF, names)
  return function(v)
    if lookup[v] then
      return true
    end
    return nil, message
  end
end


function validators.not_one_of(list)
  local lookup, names = lookup_and_text(list)
  local message = fmt(messages.NOT_ONE_OF, names)
  return function(v)
    if not lookup[v] then
      return true
    end
    return nil, message
  end
end


function validators.gt(limit)
  local message = fmt(messages.GT, shown(limit))
  return function(v)
    if v > limit then
      return true
    end
    return nil, message
  end
end


function validators.timestamp(wanted)
  if not wanted then
    return nil
  end
  return function(v)
    if type(v) == "number" and v > 0 then
      return true
    end
    return nil, messages.TIMESTAMP
  end
end


-- Hexadecimal digits by byte; faster than a pattern with 36 classes.
local HEX = {}
for byte in ("0123456789abcdefABCDEF"):gmatch(".") do
  HEX[byte:byte()] = true
end


function validators.is_uuid(v)
  if type(v) ~= "string" or #v ~= 36 then
    return false
  end
  for i = 1, 36 do
    local byte = v:byte(i)
    if i == 9 or i == 14 or i == 19 or i == 24 then
      if byte ~= 45 then
        return false
      end
    elseif not HEX[byte] then
      return false
    end
  end
  return true
end


function validators.uuid(wanted)
  if not wanted then
    return nil
  end
  local is_uuid = validators.is_uuid
  return function(v)
    if is_uuid(v) then
      return true
    end
    return nil, messages.UUID
  end
end


-- Compiles a regex; true also where no regex engine is at hand (plain command line use).
function validators.regex_compiles(pattern)
  local re = ngx and ngx.re
  if not re or not re.find then
    return true
  end
  local _, _, err = re.find("", pattern, "aj")
  if err then
    return nil, err
  end
  return true
end


function validators.is_regex(wanted)
  if not wanted then
    return nil
  end
  return function(v)
    if validators.regex_compiles(v) then
      return true
    end
    return nil, fmt(messages.IS_REGEX, v)
  end
end


function validators.between(limits)
  local low, high = limits[1], limits[2]
  local message = fmt(messages.BETWEEN, number_text(low), number_text(high))
  return function(v)
    if v >= low and v <= high then
      return true
    end
    return nil, message
  end
end


-- Maps have no length operator that counts string keys.
local function length_of(v)
  if type(v) == "table" and not value.is_array(v) then
    local n = 0
    for _ in pairs(v) do
      n = n + 1
    end
    return n
  end
  return #v
end


function validators.len_eq(n)
  local message = fmt(messages.LEN_EQ, n)
  return function(v)
    if length_of(v) == n then
      return true
    end
    return nil, message
  end
end


function validators.len_min(n)
  local message = fmt(messages.LEN_MIN, n)
  return function(v)
    if length_of(v) >= n then
      return true
    end
    return nil, message
  end
end


function validators.len_max(n)
  local message = fmt(messages.LEN_MAX, n)
  return function(v)
    if length_of(v) <= n then
      return true
    end
    return nil, message
  end
end


function validators.starts_with(prefix)
  local message = fmt(messages.STARTS_WITH, prefix)
  local len = #prefix
  return function(v)
    if v:sub(1, len) == prefix then
      return true
    end
    return nil, message
  end
end


function validators.match(pattern)
  return function(v)
    if v:match(pattern) then
      return true
    end
    return nil, fmt(messages.MATCH, v)
  end
end


function validators.not_match(pattern)
  return function(v)
    if not v:match(pattern) then
      return true
    end
    return nil, fmt(messages.MATCH, v)
  end
end


function validators.match_all(list)
  return function(v)
    for i = 1, #list do
      local item = list[i]
      if not v:match(item.pattern) then
        return nil, item.err or fmt(messages.MATCH, v)
      end
    end
    return true
  end
end


function validators.match_none(list)
  return function(v)
    for i = 1, #list do
      local item = list[i]
      if v:match(item.pattern) then
        return nil, item.err or fmt(messages.MATCH, v)
      end
    end
    return true
  end
end


function validators.match_any(arg)
  local patterns = arg.patterns
  return function(v)
    for i = 1, #patterns do
      if v:match(patterns[i]) then
        return true
      end
    end
    return nil, arg.err or fmt(messages.MATCH, v)
  end
end


function validators.contains(wanted)
  local message = fmt(messages.CONTAINS, shown(wanted))
  return function(v)
    for _, item in ipairs(v) do
      if item == wanted then
        return true
      end
    end
    return nil, message
  end
end


function validators.custom_validator(fn)
  return function(v)
    local ok, err = fn(v)
    if ok then
      return true
    end
    return nil, err or fmt(messages.VALIDATION, tostring(v))
  end
end


-- {{"http","https"},{"tcp"}}: members of two different groups must not appear together.
function validators.mutually_exclusive_subsets(groups)
  local group_of, texts = {}, {}
  for i, group in ipairs(groups) do
    for _, member in ipairs(group) do
      group_of[member] = i
    end
    texts[i] = "('" .. concat(group, "', '") .. "')"
  end
  return function(v)
    local seen, used = {}, {}
    for _, member in ipairs(v) do
      local group = group_of[member]
      if group and not seen[group] then
        seen[group] = true
        used[#used + 1] = group
      end
    end
    if #used <= 1 then
      return true
    end
    table.sort(used)
    for i, group in ipairs(used) do
      used[i] = texts[group]
    end
    return nil, fmt(messages.EXCLUSIVE_SUBSETS, concat(used, ", "))
  end
end


return validators
