-- kong.resty.mlcache: caches of a plugin's own in three levels, by the interface of lua-resty-mlcache. What other workers
-- delete is noticed through the `ipc` functions the plugin gives, or when the entry expires.
local levels = require "kong.cache.levels"

local error = error
local type = type

local mlcache = { _VERSION = "2.6.0", NO_TTL_FLAG = 0x40000000 }
local mt = { __index = mlcache }

local SIZE_DEFAULT = 100


-- opts as lua-resty-mlcache's: lru_size, ttl, neg_ttl, resurrect_ttl, shm_miss, l1_serializer, resty_lock_opts, ipc.
function mlcache.new(name, shm, opts)
  if type(name) ~= "string" then
    error("name must be a string", 2)
  end
  if type(shm) ~= "string" then
    error("shm must be a string", 2)
  end
  if opts ~= nil and type(opts) ~= "table" then
    error("opts must be a table", 2)
  end
  opts = opts or {}
  local ipc = type(opts.ipc) == "table" and opts.ipc or nil
  local deleted, purged = "mlcache:invalidations:" .. name, "mlcache:purge:" .. name
  local cache, err = levels.new {
    name = shm,
    miss_name = opts.shm_miss,
    prefix = name,
    size = opts.lru_size or SIZE_DEFAULT,
    ttl = opts.ttl,
    neg_ttl = opts.neg_ttl,
    resurrect_ttl = opts.resurrect_ttl,
    l1_serializer = opts.l1_serializer,
    resty_lock_opts = opts.resty_lock_opts,
    shm_set_tries = opts.shm_set_tries,
    on_delete = ipc and function(key)
      ipc.broadcast(deleted, key)
    end,
    on_purge = ipc and function()
      ipc.broadcast(purged, "")
    end,
  }
  if not cache then
    return nil, err
  end
  if ipc then
    ipc.register_listeners {
      invalidation = { channel = deleted, handler = function(key)
        cache:forget(key)
      end },
      purge = { channel = purged, handler = function()
        cache:forget_all()
      end },
    }
  end
  return setmetatable({ name = name, cache = cache }, mt)
end


local function check_key(key)
  if type(key) ~= "string" then
    error("key must be a string", 3)
  end
end


-- value, err, level.
function mlcache:get(key, opts, cb, ...)
  check_key(key)
  return self.cache:get(key, opts, cb, ...)
end


function mlcache:renew(key, opts, cb, ...)
  check_key(key)
  return self.cache:renew(key, opts, cb, ...)
end


function mlcache:get_bulk(bulk)
  return self.cache:get_bulk(bulk)
end


-- ttl, err, value.
function mlcache:peek(key)
  check_key(key)
  return self.cache:peek(key)
end


-- true | nil, err.
function mlcache:set(key, opts, value)
  check_key(key)
  return self.cache:set(key, opts, value)
end


function mlcache:delete(key)
  check_key(key)
  return self.cache:delete(key)
end


function mlcache:purge()
  return self.cache:purge()
end


-- Takes in what others invalidated; they tell at once here.
function mlcache:update() -- luacheck: ignore self
  return true
end


return mlcache
