-- require "resty.healthcheck": checkers of addresses for plugins that choose targets on their own. State and counters are in a shared
-- dictionary, changes of state are events of the gateway (kong.worker_events), active checks run in one worker.
-- Loaded by who requires it: the gateway's upstreams are watched by kong.balancer.health and .prober.
local runner = require "resty.healthcheck.runner"
local settings = require "resty.healthcheck.settings"
local state = require "resty.healthcheck.state"
local worker_events = require "kong.worker_events"

local assert = assert
local concat = table.concat
local error = error
local ipairs = ipairs
local ngx = ngx
local setmetatable = setmetatable
local tonumber = tonumber
local tostring = tostring
local type = type

local healthcheck = {}

local checker = {}
local checker_mt = { __index = checker }

local SOURCE = "lua-resty-healthcheck"
local COUNTER_NAMES = { success = "SUCCESS", http = "HTTP", tcp = "TCP", timeout = "TIMEOUT" }
local IS_HEALTHY = { healthy = true, mostly_healthy = true, unhealthy = false, mostly_unhealthy = false }

checker.events = setmetatable({
  remove = "remove", clear = "clear", healthy = "healthy", unhealthy = "unhealthy", mostly_healthy = "mostly_healthy",
  mostly_unhealthy = "mostly_unhealthy",
}, {
  __index = function(_, key)
    error(("'%s' is not a valid event name"):format(tostring(key)), 2)
  end,
})


function checker:log(level, ...)
  ngx.log(level, self.LOG_PREFIX, ...)
end


local function place_of(ip, port, hostname)
  return ip .. "|" .. port .. "|" .. hostname
end


-- Arguments of the public functions as a target; the hostname is the address where there is none.
local function target_of(ip, port, hostname)
  ip = tostring(assert(ip, "no ip address provided"))
  port = assert(tonumber(port), "no port number provided")
  return { ip = ip, port = port, hostname = hostname or ip }
end


local function is_same(a, b)
  return a.ip == b.ip and a.port == b.port and a.hostname == b.hostname
end


local function find(self, ip, port, hostname)
  return self.by_place[place_of(ip, tonumber(port) or port, hostname or ip)]
end


-- In all workers, this one included, a moment later.
local function announce(self, event, target)
  worker_events.post(self.EVENT_SOURCE, event, target and { ip = target.ip, port = target.port, hostname = target.hostname } or {})
end


-- Copies of targets that this worker keeps. Changed by events only.
local function keep(self, target, health)
  local kept = find(self, target.ip, target.port, target.hostname)
  if not kept then
    kept = { ip = target.ip, port = target.port, hostname = target.hostname, hostheader = target.hostheader }
    self.targets[#self.targets + 1] = kept
    self.by_place[place_of(kept.ip, kept.port, kept.hostname)] = kept
  end
  kept.internal_health, kept.is_healthy = health, IS_HEALTHY[health]
end


local function drop(self, target)
  local place = place_of(target.ip, target.port, target.hostname)
  if not self.by_place[place] then
    return self:log(ngx.WARN, "event: trying to remove an unknown target '", target.hostname, "(", target.ip, ":", target.port, ")'")
  end
  self.by_place[place] = nil
  for i, kept in ipairs(self.targets) do
    if is_same(kept, target) then
      table.remove(self.targets, i)
      break
    end
  end
end


local function drop_all(self)
  self.targets, self.by_place = {}, {}
end


local function load_targets(self, list)
  drop_all(self)
  for _, target in ipairs(list) do
    keep(self, target, self.state:health(target))
  end
end


-- The Host header of a new target is in the shared list only.
local function host_header_of(self, target)
  for _, known in ipairs(self.state:list() or {}) do
    if is_same(known, target) then
      return known.hostheader
    end
  end
end


function checker:event_handler(event, ip, port, hostname)
  local target = ip and { ip = ip, port = port, hostname = hostname or ip }
  if event == "remove" then
    drop(self, target)
  elseif event == "clear" then
    drop_all(self)
  elseif IS_HEALTHY[event] ~= nil then
    if not find(self, ip, port, hostname) then
      target.hostheader = host_header_of(self, target)
    end
    keep(self, target, event)
  else
    self:log(ngx.WARN, "event: unknown event received '", event, "'")
  end
end


-- Change of the list by this function, under the lock: true | "scheduled" | nil, err.
local function change_list(self, change)
  return self.state:with_list(function(list)
    local is_changed, done = change(list)
    if not is_changed then
      return true
    end
    local ok, err = self.state:store(list)
    if not ok then
      return nil, err
    end
    done()
    return true
  end)
end


local function index_in(list, target)
  for i, known in ipairs(list) do
    if is_same(known, target) then
      return i
    end
  end
end


-- The target is healthy unless is_healthy is false. hostheader: for the checks. One that is known already stays as it is, and is
-- spared by a delayed_clear. Its status is known when the event has come. True | nil, err.
function checker:add_target(ip, port, hostname, is_healthy, hostheader)
  local target = target_of(ip, port, hostname)
  local health = is_healthy == false and "unhealthy" or "healthy"
  return change_list(self, function(list)
    local known = list[index_in(list, target) or 0]
    if known then
      local is_leaving = known.purge_time ~= nil
      known.purge_time = nil
      return is_leaving, function() end
    end
    self.state:set_health(target, health)
    target.hostheader = hostheader
    list[#list + 1] = target
    return true, function()
      announce(self, health, target)
    end
  end)
end


-- One that is not known is no error. True | nil, err.
function checker:remove_target(ip, port, hostname)
  local target = target_of(ip, port, hostname)
  return change_list(self, function(list)
    local i = index_in(list, target)
    if not i then
      return false
    end
    table.remove(list, i)
    return true, function()
      self.state:forget(target)
      announce(self, "remove", target)
    end
  end)
end


-- Removes all targets. True | nil, err.
function checker:clear()
  return change_list(self, function(list)
    local gone = {}
    for i = #list, 1, -1 do
      gone[i], list[i] = list[i], nil
    end
    return true, function()
      for _, target in ipairs(gone) do
        self.state:forget(target)
      end
      announce(self, "clear")
    end
  end)
end


-- Removes after `delay` seconds those of today's targets that are not added again. True | nil, err.
function checker:delayed_clear(delay)
  assert(tonumber(delay), "no delay provided")
  return change_list(self, function(list)
    for _, target in ipairs(list) do
      target.purge_time = ngx.now() + delay
    end
    return true, function() end
  end)
end


-- Removes the targets whose time has come by `at`. Called by the runner.
function checker:purge(at)
  return change_list(self, function(list)
    local gone = {}
    for i = #list, 1, -1 do
      if list[i].purge_time and list[i].purge_time <= at then
        gone[#gone + 1] = table.remove(list, i)
      end
    end
    return gone[1] ~= nil, function()
      for _, target in ipairs(gone) do
        self.state:forget(target)
        announce(self, "remove", target)
      end
    end
  end)
end


-- True when healthy, false when not; nil, err.
function checker:get_target_status(ip, port, hostname)
  local target = find(self, ip, port, hostname)
  if not target then
    return nil, "target not found"
  end
  return target.is_healthy
end


-- Counts one success or failure against its limit (0: not counted) and changes the state when that is reached. True | nil, err.
local function count(self, report, kind, limit, ip, port, hostname)
  if limit == 0 then
    return true
  end
  local target = find(self, ip, port, hostname)
  if not target then
    self:log(ngx.WARN, "trying to increment a target that is not in the list: ", hostname and "(" .. hostname .. ") " or "", ip, ":", port)
    return true
  end
  local health = target.internal_health
  if health == report then
    return true
  end
  local n, has_failures, has_successes = self.state:count(target, kind)
  if not n then
    return nil, has_failures
  end
  self:log(ngx.WARN, report, " ", COUNTER_NAMES[kind], " increment (", n, "/", limit, ") for '", hostname or "", "(", ip, ":", port, ")'")
  local new
  if n >= limit then
    new = report
  elseif health == "healthy" and has_failures then
    new = "mostly_healthy"
  elseif health == "unhealthy" and has_successes then
    new = "mostly_unhealthy"
  end
  if new and new ~= health then
    self.state:set_health(target, new)
    announce(self, new, target)
  end
  return true
end


-- check (also of the functions below): "passive" (the default) or "active", for whose limits it counts.
function checker:report_failure(ip, port, hostname, check)
  local checks = self.checks[check or "passive"]
  if checks.type == "tcp" then
    return count(self, "unhealthy", "tcp", checks.unhealthy.tcp_failures, ip, port, hostname)
  end
  return count(self, "unhealthy", "http", checks.unhealthy.http_failures, ip, port, hostname)
end


function checker:report_success(ip, port, hostname, check)
  return count(self, "healthy", "success", self.checks[check or "passive"].healthy.successes, ip, port, hostname)
end


-- A status that is in neither list is not counted: nothing is returned. None, or 0, is an invalid answer.
function checker:report_http_status(ip, port, hostname, http_status, check)
  local checks = self.checks[check or "passive"]
  http_status = tonumber(http_status) or 0
  if checks.healthy.http_statuses[http_status] then
    return count(self, "healthy", "success", checks.healthy.successes, ip, port, hostname)
  elseif http_status == 0 or checks.unhealthy.http_statuses[http_status] then
    return count(self, "unhealthy", "http", checks.unhealthy.http_failures, ip, port, hostname)
  end
end


-- operation (connect, send, receive) does not matter.
function checker:report_tcp_failure(ip, port, hostname, _, check)
  return count(self, "unhealthy", "tcp", self.checks[check or "passive"].unhealthy.tcp_failures, ip, port, hostname)
end


function checker:report_timeout(ip, port, hostname, check)
  return count(self, "unhealthy", "timeout", self.checks[check or "passive"].unhealthy.timeouts, ip, port, hostname)
end


-- Sets the state and zeroes the counters. True | nil, err; a target that is not known is no error.
function checker:set_target_status(ip, port, hostname, is_healthy)
  local target = target_of(ip, port, hostname)
  assert(type(is_healthy) == "boolean")
  if not find(self, target.ip, target.port, target.hostname) then
    self:log(ngx.WARN, "trying to set status for a target that is not in the list: ", ip, ":", port)
    return true
  end
  local ok, err = self.state:zero(target)
  if not ok then
    return nil, err
  end
  local health = is_healthy and "healthy" or "unhealthy"
  self.state:set_health(target, health)
  announce(self, health, target)
  self:log(ngx.WARN, health, " forced for ", target.hostname, " ", ip, ":", port)
  return true
end


-- Of all addresses of a hostname and port. True | nil, errors in one text.
function checker:set_all_target_statuses_for_hostname(hostname, port, is_healthy)
  assert(type(hostname) == "string", "no hostname provided")
  port = assert(tonumber(port), "no port number provided")
  assert(type(is_healthy) == "boolean")
  local errors = {}
  for _, target in ipairs(self.targets) do
    if target.port == port and target.hostname == hostname then
      local ok, err = self:set_target_status(target.ip, port, hostname, is_healthy)
      errors[#errors + 1] = not ok and err or nil
    end
  end
  if errors[1] then
    return nil, concat(errors, "; ")
  end
  return true
end


-- Listens to events and, where an interval says so, has targets checked; the first time after that interval. True.
function checker:start()
  for _, half in ipairs { self.checks.active.healthy, self.checks.active.unhealthy } do
    if half.interval > 0 then
      half.active, half.last_run = true, ngx.now()
    end
  end
  worker_events.unregister(self.ev_callback, self.EVENT_SOURCE)
  worker_events.register_weak(self.ev_callback, self.EVENT_SOURCE)
  return true
end


-- Checks that are under way come to their end. True.
function checker:stop()
  self.checks.active.healthy.active, self.checks.active.unhealthy.active = false, false
  worker_events.unregister(self.ev_callback, self.EVENT_SOURCE)
  self:log(ngx.DEBUG, "healthchecker stopped")
  return true
end


-- A started checker with the options of lua-resty-healthcheck (name, shm_name, events_module, checks, ssl_cert, ssl_key); it works as
-- long as somebody holds it. Nil, err; raises over options that cannot be.
function healthcheck.new(opts)
  local self = setmetatable(settings.of(opts), checker_mt)
  assert(worker_events.configured(), "please configure the '" .. self.events_module .. "' module before using 'lua-resty-healthcheck'")
  self.EVENT_SOURCE = SOURCE .. " [" .. self.name .. "]"
  self.LOG_PREFIX = "[healthcheck] (" .. self.name .. ") "
  self.state = state.new(self.name, self.shm)
  drop_all(self)
  self.ev_callback = function(data, event)
    return self:event_handler(event, data.ip, data.port, data.hostname)
  end
  local ok, err = self.state:with_list(function(list)
    load_targets(self, list)
    return true
  end)
  if not ok then
    return nil, "Error loading initial target list: " .. err
  end
  self:start()
  runner.watch(self)
  return self
end


-- The targets of a checker by its name, whoever made it: a list of {ip, port, hostname, hostheader, status, counter}; nil, err.
function healthcheck.get_target_list(name, shm_name)
  local shm = ngx.shared[shm_name]
  assert(shm, ("no shm found by name '%s'"):format(shm_name))
  local shared = state.new(name, shm)
  local list, err = shared:list()
  for _, target in ipairs(list or {}) do
    target.status = shared:health(target)
    target.counter = shared:counters(target)
  end
  return list, err
end


return healthcheck
