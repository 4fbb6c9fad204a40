-- The second level: values in a shared dictionary, misses in another, so that misses never push values out.
-- Scalars are kept as they are, tables as string.buffer texts; the entry's flags tell which.
local buffer = require "string.buffer"

local decode = buffer.decode
local encode = buffer.encode
local error = error
local shared = ngx.shared
local type = type

local store = {}
local mt = { __index = store }

local SCALAR, ENCODED, MISS = 0, 1, 2
local STORABLE = { string = true, number = true, boolean = true, table = true }


-- Dictionaries by name; `miss_name` may be that of no dictionary.
function store.new(name, miss_name, prefix)
  local dict = shared[name]
  if not dict then
    return nil, "no such lua_shared_dict: " .. tostring(name)
  end
  return setmetatable({ dict = dict, misses = miss_name and shared[miss_name] or dict, prefix = prefix or name }, mt)
end


local function unpack_value(value, flags)
  if flags == ENCODED then
    return decode(value)
  end
  return value
end


-- is_found, value (nil for a miss), err.
function store:get(key)
  local full = self.prefix .. key
  local value, flags = self.dict:get(full)
  if value ~= nil then
    if flags == MISS then
      return true, nil
    end
    return true, unpack_value(value, flags)
  end
  if flags ~= nil then
    return false, nil, flags
  end
  if self.misses ~= self.dict and self.misses:get(full) ~= nil then
    return true, nil
  end
  return false
end


-- An entry that has expired but is still there: is_found, value.
function store:get_stale(key)
  local value, flags = self.dict:get_stale(self.prefix .. key)
  if value == nil then
    return false
  end
  if flags == MISS then
    return true, nil
  end
  return true, unpack_value(value, flags)
end


-- true | nil, err. nil is stored as a miss; ttl 0 is for ever.
function store:set(key, value, ttl, tries)
  local full = self.prefix .. key
  if value == nil then
    local ok, err = self.misses:set(full, true, ttl, MISS)
    if ok and self.misses ~= self.dict then
      self.dict:delete(full)
    end
    return ok, err
  end
  local kind = type(value)
  if not STORABLE[kind] then
    error("cannot cache value of type " .. kind, 0)
  end
  local text, flags = value, SCALAR
  if kind == "table" then
    text, flags = encode(value), ENCODED
  end
  local ok, err
  for _ = 1, tries do
    ok, err = self.dict:set(full, text, ttl, flags)
    if ok or err ~= "no memory" then
      break
    end
  end
  if ok and self.misses ~= self.dict then
    self.misses:delete(full)
  end
  return ok, err
end


-- As set, but fails rather than push others out: ok, err, forcible.
function store:safe_set(key, value, ttl)
  local kind = type(value)
  if kind == "table" then
    return self.dict:safe_set(self.prefix .. key, encode(value), ttl, ENCODED)
  end
  return self.dict:safe_set(self.prefix .. key, value, ttl, SCALAR)
end


-- Seconds left, 0 for ever, nil when it is not there.
function store:ttl(key)
  local full = self.prefix .. key
  return self.dict:ttl(full) or self.misses:ttl(full)
end


function store:delete(key)
  local full = self.prefix .. key
  self.dict:delete(full)
  self.misses:delete(full)
  return true
end


function store:purge()
  self.dict:flush_all()
  self.misses:flush_all()
end


return store
