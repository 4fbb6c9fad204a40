-- resty.ljsonschema.values: what a Lua value is in JSON's terms, equality, lengths and dates.
local byte = string.byte
local floor = math.floor
local format = string.format
local getmetatable = getmetatable
local match = string.match
local next = next
local pairs = pairs
local tonumber = tonumber
local tostring = tostring
local type = type

local values = {}


local function is_list(value)
  local count = 0
  for _ in pairs(value) do
    count = count + 1
  end
  return count == #value
end


-- Of a table: whether it may be an object, whether it may be an array. Without a metatable an empty one may be both.
function values.kind(value, array_mt)
  if array_mt then
    local is_array = getmetatable(value) == array_mt
    return not is_array, is_array
  end
  if next(value) == nil then
    return true, true
  end
  local is_array = is_list(value)
  return not is_array, is_array
end


-- The name of the value's type for messages.
function values.name(value, array_mt, null)
  local kind = type(value)
  if kind == "table" then
    return values.kind(value, array_mt) and "object" or "array"
  elseif kind == "number" then
    return floor(value) == value and "integer" or "number"
  elseif value == null then
    return "null"
  end
  return kind
end


-- The shortest text that reads back as the same number.
function values.number(value)
  for digits = 6, 17 do
    local text = format("%." .. digits .. "g", value)
    if tonumber(text) == value then
      return text
    end
  end
  return tostring(value)
end


function values.equal(a, b)
  if a == b then
    return true
  elseif type(a) ~= "table" or type(b) ~= "table" then
    return false
  end
  for key, value in pairs(a) do
    local other = b[key]
    if other == nil or not values.equal(value, other) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end


-- The place of an item and of an earlier one that is equal to it; nil when all differ.
function values.repeated(list)
  local seen, tables = {}, {}
  for i = 1, #list do
    local item = list[i]
    if type(item) == "table" then
      for j = 1, #tables do
        if values.equal(item, list[tables[j]]) then
          return i, tables[j]
        end
      end
      tables[#tables + 1] = i
    elseif item == item then
      if seen[item] then
        return i, seen[item]
      end
      seen[item] = i
    end
  end
end


-- Bytes of the UTF-8 sequence at i, nil when it is none (RFC 3629).
local function sequence_len(text, i)
  local a, b, c, d = byte(text, i, i + 3)
  if a < 0x80 then
    return 1
  elseif a < 0xc2 or a > 0xf4 or not b or b < 0x80 or b > 0xbf then
    return nil
  elseif a < 0xe0 then
    return 2
  elseif not c or c < 0x80 or c > 0xbf or (a == 0xe0 and b < 0xa0) or (a == 0xed and b > 0x9f) then
    return nil
  elseif a < 0xf0 then
    return 3
  elseif not d or d < 0x80 or d > 0xbf or (a == 0xf0 and b < 0x90) or (a == 0xf4 and b > 0x8f) then
    return nil
  end
  return 4
end


-- Characters of a text; its bytes when it is not UTF-8.
function values.length(text)
  local i, count = 1, 0
  while i <= #text do
    local len = sequence_len(text, i)
    if not len then
      return #text
    end
    i = i + len
    count = count + 1
  end
  return count
end


local DAYS = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }


-- RFC 3339 full-date. Second value: true when only the missing leap day is wrong with it.
function values.is_date(text)
  local year, month, day = match(text, "^(%d%d%d%d)-(%d%d)-(%d%d)$")
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  if not year or not DAYS[month] or day < 1 or day > DAYS[month] then
    return false, day ~= nil and month == 2 and day <= 31 and day > 29 and year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  end
  return month ~= 2 or day < 29 or year % 400 == 0 or (year % 4 == 0 and year % 100 ~= 0)
end


-- RFC 3339 full-time.
function values.is_time(text)
  local hour, second, zone = match(text, "^(%d%d):[0-5]%d:([%d.]+)([Zz+-].*)$")
  second = tonumber(second)
  if not second or tonumber(hour) > 23 or second > 60 then
    return false
  end
  if zone == "Z" or zone == "z" then
    return true
  end
  local offset = match(zone, "^[+-](%d%d):[0-5]%d$")
  return offset ~= nil and tonumber(offset) <= 23
end


-- Date and time around a T.
function values.is_date_time(text)
  local date, time = match(text, "^(.+)[tT](.+)$")
  if not date then
    return false
  end
  local is_ok, is_leap = values.is_date(date)
  if not is_ok then
    return false, is_leap
  end
  return values.is_time(time)
end


-- One check of a list of them: what the first that fails says. Nil for an empty list.
function values.first_failure(checks)
  return checks[1] and function(value)
    for i = 1, #checks do
      local err = checks[i](value)
      if err then
        return err
      end
    end
  end or nil
end


return values
