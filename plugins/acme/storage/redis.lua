-- Keeps things in Redis, for all nodes that use it.
local connection = require "kong.tools.redis.connection"

local gsub = string.gsub
local ngx = ngx
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber

local Storage = {}
Storage.__index = Storage


function Storage.new(conf)
  local extra = conf.extra_options or {}
  return setmetatable({ conf = conf, namespace = extra.namespace or "", scan_count = extra.scan_count or 10 }, Storage)
end


-- fn(red, key, ...) with a connection: its result | nil, err.
local function with(self, fn, key, ...)
  local red, err = connection.get(self.conf)
  if not red then
    return nil, err
  end
  local result
  result, err = fn(red, self.namespace .. key, ...)
  if result == nil or result == false then
    red:close()
    return nil, err
  end
  connection.put(red)
  if result == ngx.null then
    return nil
  end
  return result
end


local function set(red, key, value, ttl)
  if ttl then
    return red:set(key, value, "EX", ttl)
  end
  return red:set(key, value)
end


local function add(red, key, value, ttl)
  return red:set(key, value, "EX", ttl, "NX")
end


local function get(red, key)
  return red:get(key)
end


local function delete(red, key)
  return red:del(key)
end


local function scan(red, pattern, count)
  local found, cursor = {}, "0"
  repeat
    local page, err = red:scan(cursor, "MATCH", pattern, "COUNT", count)
    if not page then
      return nil, err
    end
    cursor = page[1]
    for _, key in ipairs(page[2]) do
      found[#found + 1] = key
    end
  until tonumber(cursor) == 0
  return found
end


function Storage:set(key, value, ttl)
  return with(self, set, key, value, ttl)
end


-- Only when there is nothing.
function Storage:add(key, value, ttl)
  local ok, err = with(self, add, key, value, ttl)
  return ok, not ok and (err or "exists") or nil
end


function Storage:get(key)
  return with(self, get, key)
end


function Storage:delete(key)
  return with(self, delete, key)
end


function Storage:list(prefix)
  local keys, err = with(self, scan, gsub(prefix, "[%*%?%[%]\\]", "\\%0") .. "*", self.scan_count)
  for i = 1, keys and #keys or 0 do
    keys[i] = sub(keys[i], #self.namespace + 1)
  end
  return keys, err
end


return Storage
