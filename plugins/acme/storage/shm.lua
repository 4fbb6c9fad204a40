-- Keeps things in a shared dictionary: for one node, until it stops.
local ngx = ngx
local setmetatable = setmetatable
local sub = string.sub

local Storage = {}
Storage.__index = Storage

local KEYS_MAX = 0


function Storage.new(conf)
  local name = conf and conf.shm_name or "kong"
  local dict = ngx.shared[name]
  if not dict then
    return nil, "no shared dictionary '" .. name .. "'"
  end
  return setmetatable({ dict = dict }, Storage)
end


-- ttl: seconds, may be nil. true | nil, err
function Storage:set(key, value, ttl)
  local ok, err = self.dict:set(key, value, ttl)
  return ok or nil, err
end


-- Only when there is nothing.
function Storage:add(key, value, ttl)
  local ok, err = self.dict:add(key, value, ttl)
  return ok or nil, err
end


function Storage:get(key)
  return self.dict:get(key)
end


function Storage:delete(key)
  self.dict:delete(key)
  return true
end


-- All keys that begin like that.
function Storage:list(prefix)
  local found = {}
  for _, key in ipairs(self.dict:get_keys(KEYS_MAX)) do
    if sub(key, 1, #prefix) == prefix then
      found[#found + 1] = key
    end
  end
  return found
end


return Storage
