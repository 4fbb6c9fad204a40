-- require "version": comparing versions by their elements; ranges and sets of them. Missing elements count as zero, so
-- "1.0" equals "1.0.0". Text behind the numbers ("-rc1") is not looked at.
local concat = table.concat
local gmatch = string.gmatch
local match = string.match
local setmetatable = setmetatable
local tonumber = tonumber
local tostring = tostring
local type = type

local Version, Range, Set = {}, {}, {}
Version.__index, Range.__index, Set.__index = Version, Range, Set

local VERSIONS = "^(%d[%d%.]*)"


-- The elements of a text, or nil, err.
local function elements_of(text, is_strict)
  local numbers = match(text, is_strict and "^(%d+[%d%.]*)$" or VERSIONS)
  if not numbers then
    return nil, "Not a valid version element: '" .. text .. "'"
  end
  local list = {}
  for element in gmatch(numbers, "[^%.]+") do
    list[#list + 1] = tonumber(element)
  end
  return list
end


local function new(value, is_strict)
  if getmetatable(value) == Version then
    return value
  end
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" then
    return nil, "Expected a string or number, got " .. kind
  end
  local list, err = elements_of(tostring(value), is_strict)
  if not list then
    return nil, err
  end
  return setmetatable(list, Version)
end


local function compare(a, b)
  for i = 1, math.max(#a, #b) do
    local x, y = a[i] or 0, b[i] or 0
    if x ~= y then
      return x < y and -1 or 1
    end
  end
  return 0
end


function Version.__eq(a, b)
  return compare(a, b) == 0
end


function Version.__lt(a, b)
  return compare(a, b) < 0
end


function Version.__le(a, b)
  return compare(a, b) <= 0
end


function Version.__tostring(v)
  return concat(v, ".")
end


-- Semantic versioning: `other` is not older and has the same major number (the same minor one when major is 0).
function Version:semver(other)
  other = new(other)
  if not other or self[1] ~= other[1] or self > other then
    return false
  end
  return self[1] ~= 0 or (self[2] or 0) == (other[2] or 0)
end


-- From the first version up to and with the second (the first alone when there is no second).
local function new_range(from, to)
  local first, err = new(from)
  if not first then
    return nil, err
  end
  local last
  last, err = new(to or from)
  if not last then
    return nil, err
  end
  if first > last then
    return nil, "FROM version must be less than or equal to the TO version"
  end
  return setmetatable({ from = first, to = last }, Range)
end


function Range:matches(version)
  local v, err = new(version)
  if not v then
    return nil, err
  end
  return v >= self.from and v <= self.to
end


function Range.__tostring(r)
  if r.from == r.to then
    return tostring(r.from)
  end
  return tostring(r.from) .. " to " .. tostring(r.to)
end


local function new_set(from, to)
  return setmetatable({ ok = {}, nok = {} }, Set):allowed(from, to)
end


local function add(self, list, from, to)
  if from == nil then
    return self
  end
  local range, err = new_range(from, to)
  if not range then
    return nil, err
  end
  list[#list + 1] = range
  return self
end


function Set:allowed(from, to)
  return add(self, self.ok, from, to)
end


function Set:disallowed(from, to)
  return add(self, self.nok, from, to)
end


local function is_in(list, version)
  for i = 1, #list do
    if list[i]:matches(version) then
      return true
    end
  end
  return false
end


-- Inside an allowed range and outside every other.
function Set:matches(version)
  local v, err = new(version)
  if not v then
    return nil, err
  end
  return is_in(self.ok, v) and not is_in(self.nok, v)
end


function Set.__tostring(self)
  local parts = {}
  for i = 1, #self.ok do
    parts[i] = tostring(self.ok[i])
  end
  local text = concat(parts, " and ")
  if #self.nok > 0 then
    parts = {}
    for i = 1, #self.nok do
      parts[i] = tostring(self.nok[i])
    end
    text = text .. ", but not " .. concat(parts, " or ")
  end
  return text
end


return setmetatable({
  version = new,
  range = new_range,
  set = new_set,
}, {
  __call = function(_, ...)
    return new(...)
  end,
})
