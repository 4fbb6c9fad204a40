-- A cache in three levels: this VM's table, a shared dictionary, and a loader that runs once at a time per key on the whole
-- node. Values: anything but functions, threads and userdata; nil is a value too (a miss that is remembered).
local lru = require "kong.cache.lru"
local store = require "kong.cache.store"

local error = error
local fmt = string.format
local ngx = ngx
local now = ngx.now
local pcall = pcall
local tostring = tostring
local type = type

local levels = {}
local mt = { __index = levels }

local L1, L2, LOADED, STALE, ABSENT = 1, 2, 3, 4, -1
local LOCK_DICT = "kong_locks"
local SET_TRIES = 3

-- Settings a caller may override: name -> type.
local OPTIONS = {
  ttl = "number",
  neg_ttl = "number",
  resurrect_ttl = "number",
  l1_serializer = "function",
  shm_set_tries = "number",
  resty_lock_opts = "table",
}


-- opts: name (of the dictionary), miss_name, prefix (of keys, the name by default), size, ttl, neg_ttl, resurrect_ttl
-- (seconds), on_delete(key), on_purge().
function levels.new(opts)
  local shm, err = store.new(opts.name, opts.miss_name, opts.prefix)
  if not shm then
    return nil, err
  end
  return setmetatable({
    name = opts.prefix or opts.name,
    shm = shm,
    l1 = lru.new(opts.size or 5e5),
    ttl = opts.ttl or 30,
    neg_ttl = opts.neg_ttl or 5,
    resurrect_ttl = opts.resurrect_ttl,
    l1_serializer = opts.l1_serializer,
    resty_lock_opts = opts.resty_lock_opts,
    shm_set_tries = opts.shm_set_tries or SET_TRIES,
    on_delete = opts.on_delete,
    on_purge = opts.on_purge,
  }, mt)
end


local function check_opts(opts)
  if type(opts) ~= "table" then
    error("opts must be a table", 4)
  end
  for name, kind in pairs(OPTIONS) do
    local value = opts[name]
    if value ~= nil and type(value) ~= kind then
      error(fmt("opts.%s must be a %s", name, kind), 4)
    end
    if kind == "number" and value and value < 0 then
      error(fmt("opts.%s must be >= 0", name), 4)
    end
  end
end


-- Puts a value into the first level. value | nil, err (of the serializer).
local function keep(self, key, value, ttl, opts)
  local serialize = opts and opts.l1_serializer or self.l1_serializer
  if serialize and value ~= nil then
    local ok, result, err = pcall(serialize, value)
    if not ok then
      return nil, "l1_serializer threw an error: " .. tostring(result)
    end
    if err then
      return nil, err
    end
    value = result
  end
  self.l1:set(key, { value = value, expires_at = ttl > 0 and now() + ttl or 0 })
  return value
end


local function from_l1(self, key)
  local entry = self.l1:get(key)
  if not entry then
    return nil
  end
  if entry.expires_at ~= 0 and entry.expires_at <= now() then
    self.l1:delete(key)
    return nil
  end
  return entry
end


-- is_found, value, err.
local function from_l2(self, key, opts)
  local is_found, value, err = self.shm:get(key)
  if not is_found then
    return false, nil, err
  end
  value, err = keep(self, key, value, self.shm:ttl(key) or 0, opts)
  return true, value, err
end


local function unlock(lock, value, err, level)
  local ok, lock_err = lock:unlock()
  if not ok then
    ngx.log(ngx.WARN, "could not unlock callback: ", lock_err)
  end
  return value, err, level
end


-- Stores what the loader gave in both levels. `ttl` is the loader's own, or nil.
local function save(self, key, value, ttl, opts)
  if not ttl or ttl < 0 then
    if value == nil then
      ttl = opts and opts.neg_ttl or self.neg_ttl
    else
      ttl = opts and opts.ttl or self.ttl
    end
  end
  local ok, err = self.shm:set(key, value, ttl, opts and opts.shm_set_tries or self.shm_set_tries)
  if not ok then
    ngx.log(ngx.WARN, "could not write to lua_shared_dict '", self.name, "': ", err)
  end
  return keep(self, key, value, ttl, opts)
end


-- Runs the loader. is_ok, value, err, ttl.
local function load(cb, ...)
  local function trace(err)
    return "callback threw an error: " .. tostring(err) .. "\n" .. debug.traceback("", 2)
  end
  local ok, value, err, ttl = xpcall(cb, trace, ...)
  if not ok then
    return false, nil, value
  end
  if err then
    return false, nil, tostring(err)
  end
  return true, value, nil, type(ttl) == "number" and ttl or nil
end


-- What an expired entry held is served for a while when the loader fails.
local function resurrect(self, key, opts)
  local ttl = opts and opts.resurrect_ttl or self.resurrect_ttl
  if not ttl or ttl == 0 then
    return false
  end
  local is_found, value = self.shm:get_stale(key)
  if not is_found then
    return false
  end
  self.shm:set(key, value, ttl, 1)
  return true, keep(self, key, value, ttl, opts)
end


local function new_lock(self, opts)
  local lock_opts = opts and opts.resty_lock_opts or self.resty_lock_opts
  return require("resty.lock"):new(LOCK_DICT, lock_opts)
end


local function check_storable(value)
  local kind = type(value)
  if kind == "function" or kind == "thread" or kind == "userdata" or kind == "cdata" then
    return "cannot cache value of type " .. kind
  end
  return nil
end


local function load_locked(self, key, opts, cb, ...)
  local lock, err = new_lock(self, opts)
  if not lock then
    return nil, "could not create lock: " .. err
  end
  local elapsed
  elapsed, err = lock:lock(self.name .. key)
  if not elapsed and err ~= "timeout" then
    return nil, "could not acquire callback lock: " .. err
  end

  -- Someone else may have loaded it while this one waited.
  local is_found, value, l2_err = from_l2(self, key, opts)
  if is_found or l2_err then
    if elapsed then
      return unlock(lock, value, l2_err, L2)
    end
    return value, l2_err, L2
  end
  if not elapsed then
    return nil, "could not acquire callback lock: timeout"
  end

  local ok, ttl
  ok, value, err, ttl = load(cb, ...)
  if not ok then
    local is_stale, stale = resurrect(self, key, opts)
    if is_stale then
      ngx.log(ngx.WARN, "callback returned an error (", err, ") but stale value found in shm will be resurrected")
      return unlock(lock, stale, nil, STALE)
    end
    return unlock(lock, nil, err)
  end
  local fault = check_storable(value)
  if fault then
    unlock(lock)
    error(fault, 4)
  end
  value, err = save(self, key, value, ttl, opts)
  return unlock(lock, value, err, LOADED)
end


-- value, err, level (1 this VM, 2 dictionary, 3 loader, 4 stale; -1 not there and no loader given).
function levels:get(key, opts, cb, ...)
  local entry = from_l1(self, key)
  if entry then
    return entry.value, nil, L1
  end
  if opts ~= nil then
    check_opts(opts)
  end
  local is_found, value, err = from_l2(self, key, opts)
  if is_found or err then
    return value, err, not err and L2 or nil
  end
  if cb == nil then
    return nil, nil, ABSENT
  end
  if type(cb) ~= "function" then
    error("callback must be nil or a function", 3)
  end
  return load_locked(self, key, opts, cb, ...)
end


-- Loads anew whatever is there: value, err, ttl.
function levels:renew(key, opts, cb, ...)
  if opts ~= nil then
    check_opts(opts)
  end
  if type(cb) ~= "function" then
    error("callback must be a function", 3)
  end
  local lock, err = new_lock(self, opts)
  if not lock then
    return nil, "could not create lock: " .. err
  end
  local elapsed
  elapsed, err = lock:lock(self.name .. key)
  if not elapsed then
    return nil, "could not acquire callback lock: " .. err
  end
  local ok, value, ttl
  ok, value, err, ttl = load(cb, ...)
  if not ok then
    return unlock(lock, nil, err)
  end
  if self.on_delete then
    self.on_delete(key)
  end
  value, err = save(self, key, value, ttl, opts)
  return unlock(lock, value, err, self.shm:ttl(key))
end


-- ttl, err, value; all nil when it is not there. The first level is not asked: other workers must see the same.
function levels:peek(key)
  local is_found, value, err = self.shm:get(key)
  if err then
    return nil, err
  end
  if not is_found then
    return nil
  end
  return self.shm:ttl(key) or 0, nil, value
end


-- bulk: { n = , key, opts, cb, arg, key, ... } in fours. Results: { n = , value, err, level, ... } in threes.
function levels:get_bulk(bulk)
  local out, n = {}, 0
  for i = 1, (bulk.n or #bulk) * 4, 4 do
    local key, opts, cb, arg = bulk[i], bulk[i + 1], bulk[i + 2], bulk[i + 3]
    if key == nil then
      break
    end
    out[n + 1], out[n + 2], out[n + 3] = self:get(key, opts, cb, arg)
    n = n + 3
  end
  out.n = n
  return out
end


-- true | nil, err.
function levels:set(key, opts, value)
  if opts ~= nil then
    check_opts(opts)
  end
  local fault = check_storable(value)
  if fault then
    error(fault, 3)
  end
  if self.on_delete then
    self.on_delete(key)
  end
  local _, err = save(self, key, value, nil, opts)
  if err then
    return nil, err
  end
  return true
end


-- Forgets a key in this VM only.
function levels:forget(key)
  self.l1:delete(key)
end


function levels:delete(key)
  self.l1:delete(key)
  local ok, err = self.shm:delete(key)
  if self.on_delete then
    self.on_delete(key)
  end
  return ok, err
end


-- Forgets everything in this VM only.
function levels:forget_all()
  self.l1:flush_all()
end


function levels:purge()
  self.l1:flush_all()
  self.shm:purge()
  if self.on_purge then
    self.on_purge()
  end
  return true
end


return levels
