-- Health of addresses: counters of successes and failures, and the state they lead to. Both live in the shared dictionary
-- kong_healthchecks, so that all workers (and the next generation of them) agree; every worker keeps a copy of the states
-- in its addresses and looks for changes by one version number.
-- Called by kong.balancer with what requests and probes found. Must never probe anything itself.
local bit = require "bit"

local band, lshift, rshift = bit.band, bit.lshift, bit.rshift
local fmt = string.format
local null = ngx.null

local health = {}

local COUNTER_MAX = 255
-- Position of each counter in the packed number.
local SHIFTS = { success = 0, http = 8, tcp = 16, timeout = 24 }
local LIMITS = { http = "http_failures", tcp = "tcp_failures", timeout = "timeouts" }
local TEXTS = { http = "unhealthy HTTP", tcp = "unhealthy TCP", timeout = "unhealthy TIMEOUT", success = "healthy SUCCESS" }
local VERSION_KEY = "balancer:version"

-- Stands in for the dictionary where there is none (unit tests).
local memory = {}
local memory_mt = {
  __index = {
    get = function(self, key) return self.data[key] end,
    set = function(self, key, value) self.data[key] = value return true end,
    incr = function(self, key, by, init)
      self.data[key] = (self.data[key] or init) + by
      return self.data[key]
    end,
  },
}


local function dict()
  local shared = ngx.shared and ngx.shared.kong_healthchecks
  if shared then
    return shared
  end
  memory.data = memory.data or {}
  return setmetatable(memory, memory_mt)
end


local function number(value)
  return type(value) == "number" and value or 0
end


local function set_of(list)
  local out = {}
  if type(list) == "table" then
    for i = 1, #list do
      out[list[i]] = true
    end
  end
  return out
end


local function rules_of(section)
  section = type(section) == "table" and section or {}
  local good = type(section.healthy) == "table" and section.healthy or {}
  local bad = type(section.unhealthy) == "table" and section.unhealthy or {}
  return {
    type = section.type ~= null and section.type or "http",
    successes = number(good.successes),
    http_failures = number(bad.http_failures),
    tcp_failures = number(bad.tcp_failures),
    timeouts = number(bad.timeouts),
    good_statuses = set_of(good.http_statuses),
    bad_statuses = set_of(bad.http_statuses),
    healthy_interval = number(good.interval),
    unhealthy_interval = number(bad.interval),
  }
end


-- The checks of an upstream entity: { is_on, threshold, passive, active }.
function health.settings(upstream)
  local checks = type(upstream.healthchecks) == "table" and upstream.healthchecks or {}
  local passive, active = rules_of(checks.passive), rules_of(checks.active)
  local watches = passive.http_failures > 0 or passive.tcp_failures > 0 or passive.timeouts > 0
  local probes = active.healthy_interval > 0 or active.unhealthy_interval > 0
  return {
    is_on = watches or probes,
    threshold = number(checks.threshold),
    passive = passive,
    active = active,
    -- Plain connection probes belong to stream proxying.
    probes = probes and active.type ~= "tcp",
    source = type(checks.active) == "table" and checks.active or {},
  }
end


local function key_of(kind, ring, address)
  return kind .. ":" .. ring.id .. ":" .. address.key .. ":" .. address.hostname
end


-- Reads an address's state.
function health.load(ring, address)
  local store = dict()
  address.is_healthy = store:get(key_of("state", ring, address)) ~= 1
end


-- Sets the state and zeroes the counters.
function health.set(ring, address, is_healthy)
  local store = dict()
  store:set(key_of("state", ring, address), is_healthy and 0 or 1)
  store:set(key_of("count", ring, address), 0)
  store:incr(VERSION_KEY, 1, 0)
  if address.is_healthy ~= is_healthy then
    address.is_healthy = is_healthy
    ring:recount()
    ngx.log(ngx.WARN, "[healthcheck] (", ring.name, ") ", is_healthy and "healthy" or "unhealthy", " forced for '",
            address.hostname, "(", address.key, ")'")
  end
end


-- Goes up whenever any state of any worker changed.
function health.version()
  return dict():get(VERSION_KEY) or 0
end


local function log_increment(ring, address, kind, count, limit)
  ngx.log(ngx.WARN, fmt("[healthcheck] (%s) %s increment (%d/%d) for '%s(%s)'", ring.name, TEXTS[kind], count, limit,
                        address.hostname, address.key))
end


local function flip(store, ring, address, is_healthy)
  store:set(key_of("state", ring, address), is_healthy and 0 or 1)
  store:incr(VERSION_KEY, 1, 0)
  address.is_healthy = is_healthy
  ring:recount()
end


local function add_success(ring, address, limit)
  local store, key = dict(), key_of("count", ring, address)
  local counters = store:get(key) or 0
  if address.is_healthy then
    -- A good answer forgets earlier failures.
    if counters ~= 0 then
      store:set(key, 0)
    end
    return
  end
  local count = band(counters, COUNTER_MAX) + 1
  log_increment(ring, address, "success", count, limit)
  if count < limit then
    store:set(key, count)
    return
  end
  store:set(key, 0)
  flip(store, ring, address, true)
end


local function add_failure(ring, address, kind, limit)
  if not address.is_healthy then
    local store, key = dict(), key_of("count", ring, address)
    if band(store:get(key) or 0, COUNTER_MAX) ~= 0 then
      store:set(key, 0)
    end
    return
  end
  local store, key, shift = dict(), key_of("count", ring, address), SHIFTS[kind]
  local counters = store:get(key) or 0
  local count = band(rshift(counters, shift), COUNTER_MAX) + 1
  log_increment(ring, address, kind, count, limit)
  if count < limit then
    local others = band(counters, bit.bnot(lshift(COUNTER_MAX, shift)), bit.bnot(COUNTER_MAX))
    store:set(key, bit.bor(others, lshift(math.min(count, COUNTER_MAX), shift)))
    return
  end
  store:set(key, 0)
  flip(store, ring, address, false)
end


-- One observation; kind is "success", "http", "tcp" or "timeout", rules the passive or the active ones.
function health.report(ring, address, kind, rules)
  if kind == "success" then
    if rules.successes > 0 then
      add_success(ring, address, rules.successes)
    end
    return
  end
  local limit = rules[LIMITS[kind]]
  if limit > 0 then
    add_failure(ring, address, kind, limit)
  end
end


-- What an HTTP status says by these rules.
function health.report_status(ring, address, status, rules)
  if rules.good_statuses[status] then
    return health.report(ring, address, "success", rules)
  end
  if rules.bad_statuses[status] then
    return health.report(ring, address, "http", rules)
  end
end


return health
