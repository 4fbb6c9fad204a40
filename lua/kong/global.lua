-- Makes and fills the global `kong`, by the function names that test helpers of plugins use (kong.global), and starts
-- what lives in each worker: events between workers, caches, timers.
local phases = require "kong.pdk.private.phases"

local ngx = ngx

local global = { phases = phases.phases }

local PLUGINS = "KONG_CTX_PLUGINS"
-- L1 of kong.cache and kong.core_cache, in entries.
local LRU_SIZE = 5e5


function global.new()
  return {}
end


function global.set_phase(_, phase)
  ngx.ctx.KONG_PHASE = phase
end


function global.get_phase()
  return ngx.ctx.KONG_PHASE
end


-- kong.ctx[name] belongs to `key` from now on.
function global.set_named_ctx(_, name, key, ctx)
  if name == nil or name == "" then
    error("name must be a string", 2)
  end
  if key == nil then
    error("key cannot be nil", 2)
  end
  ctx = ctx or ngx.ctx
  if name == "plugin" then
    ctx.plugin_handler = key
    ctx[PLUGINS] = ctx[PLUGINS] or {}
  end
end


function global.del_named_ctx(_, name, ctx)
  if name == "plugin" then
    (ctx or ngx.ctx).plugin_handler = nil
  end
end


local facilities = {}


function global.set_namespaced_log(self, namespace, ctx)
  if type(namespace) ~= "string" then
    error("namespace must be a string", 2)
  end
  local facility = facilities[namespace]
  if not facility then
    facility = self._log.new(namespace)
    facilities[namespace] = facility
  end
  (ctx or ngx.ctx).KONG_LOG = facility
end


function global.reset_log(_, ctx)
  (ctx or ngx.ctx).KONG_LOG = nil
end


function global.init_pdk(self, conf)
  require("kong.pdk").new(conf, self)
end


function global.init_worker_events()
  return require "kong.worker_events"
end


function global.init_cluster_events()
  return require("kong.cluster_events").new()
end


local function new_cache(self, shm_name, conf, channel)
  return require("kong.cache").new {
    shm_name = shm_name,
    worker_events = self.worker_events,
    cluster_events = self.cluster_events,
    -- Without a database nothing changes behind the node's back.
    ttl = conf.database == "off" and 0 or conf.db_cache_ttl,
    neg_ttl = conf.database == "off" and 0 or (conf.db_cache_neg_ttl or conf.db_cache_ttl),
    resurrect_ttl = conf.resurrect_ttl,
    invalidation_channel = channel,
    lru_size = LRU_SIZE,
  }
end


-- In the master, after `kong` has its settings: what workers inherit.
function global.install(self, conf)
  self.default_workspace = require("kong.constants").DECLARATIVE_DEFAULT_WORKSPACE_ID
  self.worker_events = global.init_worker_events()
  self.cluster_events = global.init_cluster_events()
  self.timer = require("kong.timer").new()
  local ok, err = require("kong.pdk.private.node").init_node_id(conf)
  if not ok then
    ngx.log(ngx.WARN, "the node's id cannot be kept in its prefix: ", err)
  end
  self.cache, err = new_cache(self, "kong_db_cache", conf, "invalidations")
  if not self.cache then
    return nil, err
  end
  self.core_cache, err = new_cache(self, "kong_core_db_cache", conf, "invalidations_core")
  if not self.core_cache then
    return nil, err
  end
  return true
end


-- Once per worker, before plugins' init_worker.
function global.start_worker(self)
  require("kong.globalpatches").start_worker()
  self.worker_events.start_worker()
end


return global
