-- The storages of the acme plugin by the interface of lua-resty-acme: what changes something returns an error or nil.
local setmetatable = setmetatable

local Adapter = {}
Adapter.__index = Adapter

local adapter = {}


-- The module resty.acme.storage.NAME for a storage of the plugin.
function adapter.of(name)
  local storage = require("kong.plugins.acme.storage." .. name)
  return {
    new = function(conf)
      local inner, err = storage.new(conf)
      return inner and setmetatable({ inner = inner }, Adapter), err
    end,
  }
end


local function failure(ok, err)
  if not ok then
    return err or "failed"
  end
end


-- ttl: seconds, may be nil.
function Adapter:set(key, value, ttl)
  return failure(self.inner:set(key, value, ttl))
end


-- "exists" when there is such a key.
function Adapter:add(key, value, ttl)
  local ok, err = self.inner:add(key, value, ttl)
  if not ok then
    return err or "exists"
  end
end


function Adapter:delete(key)
  return failure(self.inner:delete(key))
end


function Adapter:get(key)
  return self.inner:get(key)
end


function Adapter:list(prefix)
  return self.inner:list(prefix or "")
end


return adapter
