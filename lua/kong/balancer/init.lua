-- Load balancing: the rings of all upstream entities, plain DNS for hosts that are none, and what the Admin API wants to
-- know and set. kong.runloop asks for a peer per try and reports how it went.
-- Must never decide about retries: C does.
local dns = require "kong.dns"
local hash_input = require "kong.balancer.hash_input"
local health = require "kong.balancer.health"
local prober = require "kong.balancer.prober"
local proxy = require "ngx.proxy"
local ring = require "kong.balancer.ring"

local lower = string.lower
local null = ngx.null

local balancer = {}

local NO_PEER = "failure to get a peer from the ring-balancer"
local NO_NAME = "name resolution failed"
local RENEW_EVERY_S, SYNC_EVERY_S = 1, 0.1

-- By id, and by lower-cased name.
local rings, by_name = {}, {}
local seen_version = 0
local is_worker = false
local start_timers


local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if key ~= "updated_at" and key ~= "created_at" and not same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end


local function is_unchanged(old, upstream, targets)
  if not old or not same(old.upstream, upstream) or #targets ~= #old.targets then
    return false
  end
  for i = 1, #targets do
    if not same(targets[i], old.targets[i].entity) then
      return false
    end
  end
  return true
end


local function group_targets(targets)
  local out = {}
  for i = 1, #targets do
    local reference = targets[i].upstream
    local id = reference and reference ~= null and reference.id
    if id then
      out[id] = out[id] or {}
      table.insert(out[id], targets[i])
    end
  end
  for _, list in pairs(out) do
    table.sort(list, function(a, b)
      return a.target < b.target
    end)
  end
  return out
end


-- Takes over upstream and target entities. Rings whose entities did not change go on as they are.
function balancer.configure(upstreams, targets)
  local grouped = group_targets(targets or {})
  local next_rings, next_names = {}, {}
  for _, upstream in ipairs(upstreams or {}) do
    local list = grouped[upstream.id] or {}
    local old = rings[upstream.id]
    if not is_unchanged(old, upstream, list) then
      old = ring.new(upstream, list)
    end
    next_rings[upstream.id] = old
    next_names[lower(upstream.name)] = old
  end
  rings, by_name = next_rings, next_names
  prober.watch(rings)
  start_timers()
end


-- The ring for a host name, or nil when no upstream has this name.
function balancer.find(name)
  return by_name[lower(name)]
end


function balancer.by_id(id)
  return rings[id]
end


-- An address for a host that is no upstream: ip, port, hostname | nil, text, status.
function balancer.resolve(host, port, cache_only)
  local ip, found_port = dns.toip(host, port, cache_only)
  if ip then
    return ip, found_port, host
  end
  if found_port == dns.NAME_ERROR or found_port == dns.EMPTY_ANSWER then
    return nil, NO_NAME, 503
  end
  return nil, found_port, 500
end


-- Milliseconds since the try began, for the latency algorithm.
local function took_of(try)
  if try.started_at then
    return (proxy.mono_us() - try.started_at) / 1e6
  end
end


-- The try on try.address ended without a response.
local function note_failure(try)
  local from, address = try.ring, try.address
  if not address then
    return
  end
  try.failed = try.failed or {}
  try.failed[address] = true
  if from.algorithm_name == "least-connections" then
    from.algorithm:finish(address)
  end
  if from.checks.is_on then
    local kind = proxy.last_failure_is_timeout() and "timeout" or "tcp"
    health.report(from, address, kind, from.checks.passive)
  end
  try.address = nil
end


-- A peer of the upstream that try.upstream (a ring) stands for: ip, port, hostname | nil, text, status.
function balancer.pick(try, is_retry)
  local from = try.upstream
  if is_retry then
    note_failure(try)
  end
  try.ring = from
  if not from.is_resolved then
    from:resolve()
  end
  if from.wants_hash and not try.has_hash then
    try.hash_value, try.has_hash = hash_input.get(try, from.upstream) or "", true
  end
  local address = from:pick(try)
  if not address then
    return nil, NO_PEER, 503
  end
  local ip, port = address.ip, address.port
  if address.needs_dns then
    local err
    ip, err = dns.toip(address.ip, address.port, is_retry)
    if not ip then
      return nil, (err == dns.NAME_ERROR or err == dns.EMPTY_ANSWER) and NO_NAME or err, 503
    end
    port = err
  end
  try.address = address
  if from.is_counting then
    if from.algorithm.begin then
      from.algorithm:begin(address)
    end
    try.started_at = proxy.mono_us()
  end
  return ip, port, address.host
end


-- The request is over. Called in the log phase, once per request that has a picked address.
function balancer.finish(try)
  local from, address = try.ring, try.address
  try.address = nil
  local status = proxy.upstream_status()
  if from.is_counting then
    from.algorithm:finish(address, status ~= 0 and proxy.has_answer() and took_of(try) or nil)
  end
  if not from.checks.is_on or status == 0 then
    return
  end
  local passive = from.checks.passive
  if status == 504 then
    return health.report(from, address, "timeout", passive)
  end
  if passive.type ~= "tcp" then
    return health.report_status(from, address, status, passive)
  end
end


-- Admin API -------------------------------------------------------------------------------------------


local function state_of(from, address)
  if not from.checks.is_on then
    return "HEALTHCHECKS_OFF"
  end
  return address.is_healthy and "HEALTHY" or "UNHEALTHY"
end


local function target_health(from, target)
  local out = {
    host = target.name,
    port = target.port,
    dns = target.dns,
    nodeWeight = target.weight,
    weight = { total = 0, available = 0, unavailable = 0 },
    addresses = {},
  }
  local is_any_healthy = false
  for i, address in ipairs(target.addresses) do
    local state = state_of(from, address)
    out.addresses[i] = { ip = address.ip, port = address.port, health = state, weight = address.weight }
    out.weight.total = out.weight.total + address.weight
    if address.is_available then
      out.weight.available = out.weight.available + address.weight
    end
    is_any_healthy = is_any_healthy or address.is_healthy
  end
  out.weight.unavailable = out.weight.total - out.weight.available
  local state
  if not from.checks.is_on then
    state = "HEALTHCHECKS_OFF"
  elseif #target.addresses == 0 then
    state = "DNS_ERROR"
  else
    state = is_any_healthy and "HEALTHY" or "UNHEALTHY"
  end
  return state, out
end


-- For each target text: { health, data }; nil when there is no such upstream.
function balancer.get_upstream_health(upstream_id)
  local from = rings[upstream_id]
  if not from then
    return nil
  end
  if not from.is_resolved then
    from:resolve()
  end
  local out = {}
  for _, target in ipairs(from.targets) do
    local state, data = target_health(from, target)
    out[target.entity.target] = { health = state, data = data }
  end
  return out
end


-- A target as the health of the whole upstream tells it: each address is healthy or not.
local function host_of(from, target)
  local _, out = target_health(from, target)
  for i, address in ipairs(target.addresses) do
    out.addresses[i] = {
      ip = address.ip, port = address.port, weight = address.weight, healthy = not from.checks.is_on or address.is_healthy,
    }
  end
  return out
end


-- Health of an upstream as a whole: { health, balancer_health, id, details }.
function balancer.get_balancer_health(upstream_id)
  local from = rings[upstream_id]
  if not from then
    return nil, "Upstream not found"
  end
  if not from.is_resolved then
    from:resolve()
  end
  local state = from.is_up and "HEALTHY" or "UNHEALTHY"
  local hosts, total, available = {}, 0, 0
  for i, target in ipairs(from.targets) do
    hosts[i] = host_of(from, target)
    total = total + hosts[i].weight.total
    available = available + hosts[i].weight.available
  end
  return {
    health = from.checks.is_on and state or "HEALTHCHECKS_OFF",
    balancer_health = state,
    id = upstream_id,
    details = {
      healthy = from.is_up,
      weight = { total = total, available = available, unavailable = total - available },
      hosts = hosts,
    },
  }
end


-- Sets a target's state by hand. `ip` nil: all addresses of the name. Returns true | nil, err.
function balancer.post_health(upstream, hostname, ip, port, is_healthy)
  local from = rings[upstream.id]
  if not from then
    return nil, "Upstream " .. tostring(upstream.name) .. " has no balancer"
  elseif not from.checks.is_on then
    return nil, "no healthchecker found for " .. tostring(upstream.name)
  end
  if not from.is_resolved then
    from:resolve()
  end
  local list = from:find_addresses(hostname, ip, port)
  if #list == 0 then
    return nil, "target not found for " .. tostring(hostname) .. ":" .. tostring(port)
  end
  for i = 1, #list do
    health.set(from, list[i], is_healthy)
  end
  return true
end


function balancer.get_upstream_by_name(name)
  local from = by_name[lower(name)]
  return from and from.upstream or nil
end


-- Workers ----------------------------------------------------------------------------------------------


-- Looks up the names of targets whose time is over. True while there are such rings.
local function renew_rings()
  local at, is_needed = ngx.now(), false
  for _, item in pairs(rings) do
    if not item:is_static() then
      is_needed = true
      if item.is_resolved and item.renew_at <= at then
        item:resolve()
      end
    end
  end
  return is_needed
end


-- Takes over what other workers found. True while there are rings with health checks.
local function sync_rings()
  local version, is_needed = health.version(), false
  for _, item in pairs(rings) do
    if item.checks.is_on then
      is_needed = true
      if version ~= seen_version and item.is_resolved then
        item:sync()
      end
    end
  end
  seen_version = version
  return is_needed
end


-- A function that runs `work` every so many seconds for as long as it returns true; calling it while it runs does nothing.
local function new_loop(interval_s, work)
  local is_on = false
  local function run(premature)
    local ok, is_needed = pcall(work)
    if not ok then
      ngx.log(ngx.ERR, "[balancer] ", is_needed)
    end
    is_on = not premature and is_needed and ngx.timer.at(interval_s, run) and true or false
  end
  return function()
    if not is_on then
      is_on = ngx.timer.at(0, run) and true or false
    end
  end
end


local start_renewing, start_syncing = new_loop(RENEW_EVERY_S, renew_rings), new_loop(SYNC_EVERY_S, sync_rings)


-- Starts what the present rings need; an idle worker without upstreams has no timers of ours.
function start_timers()
  if not is_worker then
    return
  end
  start_renewing()
  start_syncing()
end


function balancer.start_worker()
  is_worker = true
  seen_version = health.version()
  prober.start()
  start_timers()
end


function balancer.stop_worker()
  prober.stop()
end


return balancer
