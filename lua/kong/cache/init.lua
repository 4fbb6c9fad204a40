-- kong.cache and kong.core_cache: the node's caches as plugins use them. What one worker invalidates the others forget.
local levels = require "kong.cache.levels"

local error = error
local log = ngx.log
local type = type

local cache = {}
local mt = { __index = cache }

-- Source of the events between workers; plugins listen to them too.
local SOURCE = "mlcache"
local TTL_DEFAULT, NEG_TTL_DEFAULT, RESURRECT_TTL_DEFAULT = 3600, 300, 30
local FAILED_GET = "failed to get from node cache: "


-- opts: shm_name, worker_events, cluster_events, ttl, neg_ttl, resurrect_ttl, lru_size, invalidation_channel.
function cache.new(opts)
  if type(opts) ~= "table" or type(opts.shm_name) ~= "string" then
    error("opts.shm_name must be a string", 2)
  end
  local name, events = opts.shm_name, opts.worker_events
  local deleted, purged = "mlcache:invalidations:" .. name, "mlcache:purge:" .. name
  local mlcache, err = levels.new {
    name = name,
    miss_name = name .. "_miss",
    size = opts.lru_size,
    ttl = math.max(opts.ttl or TTL_DEFAULT, 0),
    neg_ttl = math.max(opts.neg_ttl or NEG_TTL_DEFAULT, 0),
    resurrect_ttl = opts.resurrect_ttl or RESURRECT_TTL_DEFAULT,
    resty_lock_opts = opts.resty_lock_opts,
    on_delete = function(key)
      events.post(SOURCE, deleted, key)
    end,
    on_purge = function()
      events.post(SOURCE, purged, "")
    end,
  }
  if not mlcache then
    return nil, "failed to instantiate mlcache: " .. err
  end
  events.register(function(key)
    mlcache:forget(key)
  end, SOURCE, deleted)
  events.register(function()
    mlcache:forget_all()
  end, SOURCE, purged)

  local self = setmetatable({
    mlcache = mlcache,
    cluster_events = opts.cluster_events,
    invalidation_channel = opts.invalidation_channel or "invalidations_" .. name,
  }, mt)
  opts.cluster_events:subscribe(self.invalidation_channel, function(key)
    self:invalidate_local(key)
  end)
  return self
end


local function check_key(key)
  if type(key) ~= "string" then
    error("key must be a string", 3)
  end
end


-- value, err, level. cb(...) gives value[, err[, ttl]]; without it only what is cached counts.
function cache:get(key, opts, cb, ...)
  check_key(key)
  local value, err, level = self.mlcache:get(key, opts, cb, ...)
  if err then
    return nil, FAILED_GET .. err
  end
  return value, nil, level
end


-- value, err, ttl.
function cache:renew(key, opts, cb, ...)
  check_key(key)
  local value, err, ttl = self.mlcache:renew(key, opts, cb, ...)
  if err then
    return nil, "failed to renew key in node cache: " .. err
  end
  return value, nil, ttl
end


function cache:get_bulk(bulk, opts)
  if type(bulk) ~= "table" then
    error("bulk must be a table", 2)
  end
  if opts ~= nil and type(opts) ~= "table" then
    error("opts must be a table", 2)
  end
  return self.mlcache:get_bulk(bulk)
end


-- ok, err, forcible. Never pushes others out.
function cache:safe_set(key, value)
  return self.mlcache.shm:safe_set(key, value, self.mlcache.ttl)
end


-- ttl, err, value.
function cache:probe(key)
  check_key(key)
  local ttl, err, value = self.mlcache:peek(key)
  if err then
    return nil, "failed to probe from node cache: " .. err
  end
  return ttl, nil, value
end


-- On this node.
function cache:invalidate_local(key)
  check_key(key)
  local ok, err = self.mlcache:delete(key)
  if not ok then
    log(ngx.ERR, "[DB cache] failed to delete entity from node cache: ", err)
  end
end


-- On all nodes.
function cache:invalidate(key)
  check_key(key)
  self:invalidate_local(key)
  local ok, err = self.cluster_events:broadcast(self.invalidation_channel, key)
  if not ok then
    log(ngx.ERR, "[DB cache] failed to broadcast cached entity invalidation: ", err)
  end
end


function cache:purge()
  local ok, err = self.mlcache:purge()
  if not ok then
    log(ngx.ERR, "[DB cache] failed to purge cache: ", err)
  end
end


return cache
