-- Table helpers that plugins know as kong.tools.table. Pure functions.
local clone = require "table.clone"
local isarray = require "table.isarray"

local error = error
local floor = math.floor
local getmetatable = getmetatable
local ipairs = ipairs
local next = next
local pairs = pairs
local select = select
local setmetatable = setmetatable
local tostring = tostring
local type = type
local unpack = unpack

local tools = {}


-- An empty table nobody can fill.
tools.EMPTY = setmetatable({}, {
  __newindex = function()
    error("the table is read-only", 2)
  end,
})


-- { n = number of arguments, ... }, nils included.
function tools.pack(...)
  return { n = select("#", ...), ... }
end


function tools.unpack(t, from, to)
  return unpack(t, from or 1, to or t.n or #t)
end


-- A new table; the second one's values win. Either may be nil.
function tools.table_merge(first, second)
  local out = {}
  for key, value in pairs(first or {}) do
    out[key] = value
  end
  for key, value in pairs(second or {}) do
    out[key] = value
  end
  return out
end


-- As table_merge, but null in the second never hides a value of the first.
function tools.null_aware_table_merge(first, second)
  local out = tools.table_merge(first)
  for key, value in pairs(second or {}) do
    if out[key] == nil or value ~= ngx.null then
      out[key] = value
    end
  end
  return out
end


function tools.table_contains(list, wanted)
  for _, value in pairs(list or {}) do
    if value == wanted then
      return true
    end
  end
  return false
end


-- Keys may be numbers or their texts.
function tools.is_lapis_array(t)
  if type(t) ~= "table" then
    return false
  end
  local i = 0
  for _ in pairs(t) do
    i = i + 1
    if t[i] == nil and t[tostring(i)] == nil then
      return false
    end
  end
  return true
end


-- mode: "strict" (default), "fast" (asks the VM) or "lapis".
function tools.is_array(t, mode)
  if type(t) ~= "table" then
    return false
  end
  if mode == "lapis" then
    return tools.is_lapis_array(t)
  end
  if mode == "fast" then
    return isarray(t)
  end
  local cnt, max = 0, 0
  for key in pairs(t) do
    if type(key) ~= "number" or key < 1 or floor(key) ~= key then
      return false
    end
    cnt = cnt + 1
    max = key > max and key or max
  end
  return cnt == max
end


-- Keys and values; metatables too unless copy_mt is false. Cycles never end: see cycle_aware_deep_copy.
function tools.deep_copy(value, copy_mt)
  if type(value) ~= "table" then
    return value
  end
  local copy = {}
  for key, item in next, value do
    copy[tools.deep_copy(key)] = tools.deep_copy(item, copy_mt)
  end
  if copy_mt ~= false then
    setmetatable(copy, tools.deep_copy(getmetatable(value)))
  end
  return copy
end


function tools.shallow_copy(value)
  if type(value) ~= "table" then
    return value
  end
  return clone(value)
end


-- A copy of the first with the second laid over it, table by table.
function tools.deep_merge(first, second)
  local out = tools.deep_copy(first)
  for key, value in pairs(second) do
    if type(value) == "table" and type(out[key]) == "table" then
      out[key] = tools.deep_merge(out[key], value)
    else
      out[key] = tools.deep_copy(value)
    end
  end
  return out
end


-- Metatables are shared, not copied, unless remove_metatables. `seen` maps tables to their copies.
function tools.cycle_aware_deep_copy(value, remove_metatables, deep_copy_keys, seen)
  if type(value) ~= "table" then
    return value
  end
  seen = seen or {}
  if seen[value] then
    return seen[value]
  end
  local copy = {}
  seen[value] = copy
  for key, item in next, value do
    if deep_copy_keys and type(key) == "table" then
      key = tools.cycle_aware_deep_copy(key, remove_metatables, true, seen)
    end
    if type(item) == "table" then
      item = tools.cycle_aware_deep_copy(item, remove_metatables, deep_copy_keys, seen)
    end
    copy[key] = item
  end
  if not remove_metatables then
    setmetatable(copy, getmetatable(value))
  end
  return copy
end


function tools.cycle_aware_deep_merge(first, second, remove_metatables, deep_copy_keys, seen)
  seen = seen or {}
  local out = tools.cycle_aware_deep_copy(first, remove_metatables, deep_copy_keys, seen)
  for key, value in pairs(second) do
    if type(value) == "table" and type(out[key]) == "table" then
      out[key] = tools.cycle_aware_deep_merge(out[key], value, remove_metatables, deep_copy_keys, seen)
    else
      out[key] = tools.cycle_aware_deep_copy(value, remove_metatables, deep_copy_keys, seen)
    end
  end
  return out
end


-- The items of all lists in one.
function tools.concat(...)
  local out = {}
  for _, list in ipairs({ ... }) do
    for _, item in ipairs(list) do
      out[#out + 1] = item
    end
  end
  return out
end


local several = {}


-- Adds a message under a key; a second one makes a list of both. Returns `errors`, made when nil.
function tools.add_error(errors, key, message)
  errors = errors or {}
  local present = errors[key]
  if present == nil then
    errors[key] = message
  elseif getmetatable(present) == several then
    present[#present + 1] = message
  else
    errors[key] = setmetatable({ present, message }, several)
  end
  return errors
end


-- t[path[1]][path[2]]..., nil where it ends early.
function tools.table_path(t, path)
  local value = t
  for _, key in ipairs(path) do
    value = value[key]
    if value == nil then
      return nil
    end
  end
  return value
end


return tools
