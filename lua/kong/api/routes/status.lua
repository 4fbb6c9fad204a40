-- /status, /status/ready, /status/dns, /timers and upstream health: what a node says about itself.
-- Registered by the Admin API and (without /timers) by the Status API. Must never change anything.
local constants = require "kong.constants"
local entities = require "kong.api.entities"
local rows = require "kong.api.rows"
local value = require "kong.db.schema.value"
local workers = require "kong.api.workers"

local fmt = string.format
local ipairs = ipairs
local lower = string.lower
local pairs = pairs
local tonumber = tonumber
local tostring = tostring
local type = type

local null = value.null

local status = {}

local UNITS = { b = { 1, "" }, k = { 1024, " KiB" }, m = { 1048576, " MiB" }, g = { 1073741824, " GiB" } }


-- Formatter for sizes: bytes -> "5.00 MiB" (a number of bytes with unit b).
local function size_format(query)
  local unit = query.unit or "m"
  local scale = tonumber(query.scale or 2) or 2
  local known = type(unit) == "string" and UNITS[lower(unit)]
  if not known then
    return nil, fmt("invalid unit '%s' (expected 'k/K', 'm/M', or 'g/G')", tostring(unit))
  end
  if known[1] == 1 then
    return function(bytes)
      return bytes
    end
  end
  return function(bytes)
    return fmt("%." .. scale .. "f%s", bytes / known[1], known[2])
  end
end


local function shared_dicts(format)
  local dicts = {}
  for name, dict in pairs(ngx.shared) do
    local capacity = dict:capacity()
    dicts[name] = { allocated_slabs = format(capacity - dict:free_space()), capacity = format(capacity) }
  end
  return dicts
end


local function node_status(self)
  local format, err = size_format(self.query)
  if not format then
    return 400, { message = err }
  end
  local vms = {}
  for i, worker in ipairs(workers.memory()) do
    vms[i] = { pid = worker.pid, http_allocated_gc = format(worker.bytes) }
  end
  local answer = {
    memory = { workers_lua_vms = rows.array(vms), lua_shared_dicts = shared_dicts(format) },
    server = workers.connections(),
  }
  if kong.configuration.database == "off" then
    answer.configuration_hash = kong.db.store.hash
  else
    answer.database = { reachable = true }
  end
  return 200, answer
end


local draining = "kong:draining"


-- nil when traffic may come, else why not.
local function not_ready()
  if ngx.shared.kong:get(draining) or ngx.worker.exiting() then
    return "draining"
  end
  local conf = kong.configuration
  if conf.database ~= "off" then
    return nil
  end
  local hash = kong.db.store.hash
  if not hash then
    return "no configuration available (configuration hash is not initialized)"
  elseif hash == constants.DECLARATIVE_EMPTY_CONFIG_HASH then
    return "no configuration available (empty configuration present)"
  end
  local ready, count = workers.ready()
  if ready < count then
    return fmt("router builds not yet complete, router ready in %d of %d workers", ready, count)
  end
end


status.not_ready = not_ready


local function get_ready()
  local reason = not_ready()
  if reason then
    return 503, { message = reason }
  end
  return 200, { message = "ready" }
end


local function post_ready(self)
  if type(self.body) ~= "table" or self.body.status ~= "draining" then
    return 400, { message = "expected the status 'draining'" }
  end
  ngx.shared.kong:set(draining, true)
  return 204
end


local function dns_status()
  local dns = kong.dns
  local stats = dns and dns.stats and kong.configuration.new_dns_client and dns.stats()
  if not stats then
    return 501, { message = "not implemented with the legacy DNS client" }
  end
  return 200, { worker = { id = ngx.worker.id() or 0, count = ngx.worker.count() }, stats = stats }
end


local function timers()
  local running, pending = ngx.timer.running_count(), ngx.timer.pending_count()
  return 200, {
    worker = { id = ngx.worker.id() or 0, count = ngx.worker.count() },
    stats = {
      flamegraph = { running = "", pending = "", elapsed_time = "" },
      sys = { running = running, pending = pending, total = running + pending },
      timers = {},
    },
  }
end


-- Health ------------------------------------------------------------------------------------------------------------


local function target_rows(db, upstream)
  local list = {}
  for row in db.targets:each_for_upstream({ id = upstream.id }, nil, { raw = true }) do
    list[#list + 1] = rows.show(db.targets.schema, row)
  end
  return list
end


local function node_id()
  local node = kong.node
  return node and node.get_id and node.get_id() or null
end


local function upstream_health(self, db)
  local upstream, err_t = entities.select(db.upstreams, self.params.upstreams)
  if not upstream then
    return entities.missing(err_t)
  end
  local balancer = require "kong.balancer"
  if self.query.balancer_health == "1" then
    local health = balancer.get_balancer_health(upstream.id)
    return 200, { data = health or { health = "HEALTHCHECKS_OFF", id = upstream.id }, next = null, node_id = node_id() }
  end
  local by_target = balancer.get_upstream_health(upstream.id) or {}
  local list = {}
  for _, row in ipairs(target_rows(db, upstream)) do
    local known = by_target[row.target]
    row.health = known and known.health or "HEALTHCHECKS_OFF"
    row.data = known and known.data
    list[#list + 1] = row
  end
  return 200, { data = rows.array(list), next = null, node_id = node_id() }
end


function status.register(router, is_admin)
  router:add("/status", { GET = node_status })
  router:add("/status/dns", { GET = dns_status })
  if is_admin then
    router:add("/timers", { GET = timers })
  else
    router:add("/status/ready", { GET = get_ready, POST = post_ready })
  end
  router:add("/upstreams/:upstreams/health", { GET = upstream_health })
end


status.target_rows = target_rows


return status
