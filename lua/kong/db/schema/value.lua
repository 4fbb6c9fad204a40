-- Small helpers about schema values: null, array shapes, dotted paths, set membership, vault references.
-- Used by every file of kong.db.schema and kong.db. Must never know an entity or keep state.
local cjson = require "cjson"

local type = type
local next = next
local pairs = pairs
local floor = math.floor
local sub = string.sub
local find = string.find
local gmatch = string.gmatch
local getmetatable = getmetatable
local setmetatable = setmetatable
local rawget = rawget

local value = {}


local null = ngx and ngx.null or cjson.null
value.null = null


-- Plain lua-cjson has no array marker; then a private one keeps "[]" and "{}" apart inside kong.db.
local array_mt = cjson.array_mt or { __name = "array" }
value.array_mt = array_mt


-- A set answers set[member] with true; positions stay reachable as numbers.
local set_mt = { __name = "set" }
local lookup_of = setmetatable({}, { __mode = "k" })


function set_mt.__index(t, key)
  if type(key) ~= "string" then
    return nil
  end
  local lookup = lookup_of[t]
  if not lookup then
    lookup = {}
    for i = 1, #t do
      local member = rawget(t, i)
      if type(member) == "string" then
        lookup[member] = true
      end
    end
    lookup_of[t] = lookup
  end
  return lookup[key]
end


value.set_mt = set_mt


function value.is_array(t)
  if type(t) ~= "table" then
    return false
  end
  local mt = getmetatable(t)
  if mt == array_mt or mt == set_mt then
    return true
  end
  local n = #t
  if n == 0 then
    return next(t) == nil
  end
  local count = 0
  for k in pairs(t) do
    if type(k) ~= "number" or k < 1 or k > n or floor(k) ~= k then
      return false
    end
    count = count + 1
  end
  return count == n
end


function value.as_array(t)
  if getmetatable(t) == nil then
    setmetatable(t, array_mt)
  end
  return t
end


function value.is_reference(v)
  return type(v) == "string" and sub(v, 1, 9) == "{vault://" and sub(v, -1) == "}"
end


local function deep_copy(t, seen)
  if type(t) ~= "table" then
    return t
  end
  local known = seen and seen[t]
  if known then
    return known
  end
  seen = seen or {}
  local copy = {}
  seen[t] = copy
  for k, v in next, t do
    copy[k] = type(v) == "table" and deep_copy(v, seen) or v
  end
  return setmetatable(copy, getmetatable(t))
end


value.deep_copy = deep_copy


function value.deep_equal(a, b)
  if a == b then
    return true
  end
  if type(a) ~= "table" or type(b) ~= "table" then
    return false
  end
  for k, v in pairs(a) do
    if not value.deep_equal(v, b[k]) then
      return false
    end
  end
  for k in pairs(b) do
    if a[k] == nil then
      return false
    end
  end
  return true
end


-- Takes nulls out of a table and of all tables in it.
function value.strip_nulls(t)
  for k, v in next, t do
    if v == null then
      t[k] = nil
    elseif type(v) == "table" then
      value.strip_nulls(v)
    end
  end
  return t
end


-- Merges `from` into a copy of `into`; tables merge, anything else of `from` wins.
function value.deep_merge(into, from)
  local merged = {}
  for k, v in pairs(into) do
    merged[k] = v
  end
  for k, v in pairs(from) do
    if type(v) == "table" and type(merged[k]) == "table" then
      merged[k] = value.deep_merge(merged[k], v)
    else
      merged[k] = v
    end
  end
  return setmetatable(merged, getmetatable(into))
end


-- Paths of checks are few and constant; each is cut once. A path without dots is false.
local cut_paths = {}


local function cut(path)
  local parts = false
  if find(path, ".", 1, true) then
    parts = {}
    for part in gmatch(path, "[^.]+") do
      parts[#parts + 1] = part
    end
  end
  cut_paths[path] = parts
  return parts
end


-- get("a.b") reads t.a.b; nil as soon as something on the way is not a table.
function value.get(t, path)
  if t == nil then
    return nil
  end
  local direct = t[path]
  if direct ~= nil then
    return direct
  end
  local parts = cut_paths[path]
  if parts == nil then
    parts = cut(path)
  end
  if not parts then
    return nil
  end
  for i = 1, #parts do
    if type(t) ~= "table" then
      return nil
    end
    t = t[parts[i]]
  end
  return t
end


function value.set(t, path, v)
  local parts = cut_paths[path]
  if parts == nil then
    parts = cut(path)
  end
  if not parts then
    t[path] = v
    return
  end
  local n = #parts
  for i = 1, n - 1 do
    local part = parts[i]
    if type(t[part]) ~= "table" then
      t[part] = {}
    end
    t = t[part]
  end
  t[parts[n]] = v
end


-- "'a', 'b'": how the messages of entity checks name fields.
function value.quoted_list(names)
  local list = {}
  for i = 1, #names do
    list[i] = "'" .. names[i] .. "'"
  end
  return table.concat(list, ", ")
end


-- Sets become arrays, at any depth, so that empty ones are written as [].
function value.mark_arrays(t)
  for _, v in pairs(t) do
    if type(v) == "table" then
      if getmetatable(v) == set_mt then
        setmetatable(v, array_mt)
      end
      value.mark_arrays(v)
    end
  end
  return t
end


return value
