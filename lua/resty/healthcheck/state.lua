-- resty.healthcheck.state: what all workers share of a checker, in its dictionary: the list of targets (changed under a lock), the
-- state of each and its counters.
local bit = require "bit"
local buffer = require "string.buffer"
local lock = require "resty.lock"

local band, bor, rshift = bit.band, bit.bor, bit.rshift
local ngx = ngx
local pcall = pcall
local tostring = tostring

local state = {}
state.__index = state

local PREFIX = "lua-resty-healthcheck:"
local LOCK_TIMEOUT_S, LOCK_EXPIRES_S = 5, 10
local MAY_WAIT = { rewrite = true, access = true, content = true, timer = true }
-- Four counters of eight bits in one number; a failure zeroes the successes and the other way round.
local SHIFTS = { success = 0, http = 8, tcp = 16, timeout = 24 }
local SUCCESSES, FAILURES = 0xff, 0xffffff00
local COUNTER_MAX = 0xff

-- As the dictionary has them.
local NUMBERS = { healthy = 1, unhealthy = 2, mostly_healthy = 3, mostly_unhealthy = 4 }
local NAMES = { "healthy", "unhealthy", "mostly_healthy", "mostly_unhealthy" }


function state.new(name, shm)
  local prefix = PREFIX .. name
  return setmetatable({ shm = shm, prefix = prefix, list_key = prefix .. ":target_list", lock_key = prefix .. ":target_list_lock",
                        owner_key = prefix .. ":period_lock" }, state)
end


local function key_of(self, kind, target)
  return self.prefix .. kind .. target.ip .. ":" .. target.port .. ":" .. target.hostname
end


-- The list of {ip, port, hostname, hostheader, purge_time}; nil, err.
function state:list()
  local text, err = self.shm:get(self.list_key)
  if err then
    return nil, "failed to fetch target_list from shm: " .. err
  end
  return text and buffer.decode(text) or {}
end


-- True | nil, err.
function state:store(list)
  local ok, err = self.shm:set(self.list_key, buffer.encode(list))
  if not ok then
    return nil, "failed to store target_list in shm: " .. err
  end
  return true
end


local function run_later(premature, self, change)
  if premature then
    return
  end
  local ok, err = self:with_list(change)
  if ok == nil and err then
    ngx.log(ngx.ERR, "[healthcheck] locked function for key '", self.lock_key, "' failed in timer: ", err)
  end
end


-- Waits for the lock where the phase may wait; elsewhere does not, and leaves the work to a timer when another has it.
local function take_lock(self)
  local waits = MAY_WAIT[ngx.get_phase()] ~= nil
  local held, err = lock:new(self.shm, { exptime = LOCK_EXPIRES_S, timeout = waits and LOCK_TIMEOUT_S or 0 })
  if not held then
    return nil, "failed creating lock for '" .. self.lock_key .. "', " .. err
  end
  local elapsed
  elapsed, err = held:lock(self.lock_key)
  if elapsed then
    return held
  end
  return nil, "failed acquiring lock for '" .. self.lock_key .. "', " .. err, err == "timeout" and not waits
end


-- change(list) -> its results, while nobody else changes the list. "scheduled" when it will run in a timer; nil, err.
function state:with_list(change)
  local held, err, is_later = take_lock(self)
  if is_later then
    local ok
    ok, err = ngx.timer.at(0, run_later, self, change)
    if not ok then
      return nil, "failed scheduling locked function for key '" .. self.lock_key .. "', " .. err
    end
    return "scheduled"
  elseif not held then
    return nil, err
  end
  local list, ok, result
  list, err = self:list()
  if not list then
    held:unlock()
    return nil, err
  end
  ok, result, err = pcall(change, list)
  held:unlock()
  if not ok then
    return nil, "locked function threw an exception: " .. tostring(result)
  end
  return result, err
end


-- "healthy", "unhealthy", "mostly_healthy", "mostly_unhealthy"; nil for a target that is not known.
function state:health(target)
  return NAMES[self.shm:get(key_of(self, ":state:", target))]
end


function state:set_health(target, health)
  return self.shm:set(key_of(self, ":state:", target), NUMBERS[health])
end


function state:zero(target)
  return self.shm:set(key_of(self, ":counter:", target), 0)
end


function state:forget(target)
  self.shm:delete(key_of(self, ":state:", target))
  self.shm:delete(key_of(self, ":counter:", target))
end


-- One more of kind (success, http, tcp, timeout): how many there are, whether there are failures, and successes; nil, err.
function state:count(target, kind)
  local key, shift = key_of(self, ":counter:", target), SHIFTS[kind]
  local all, err = self.shm:incr(key, 2 ^ shift, 0)
  if not all then
    return nil, err
  end
  local kept = band(all, kind == "success" and SUCCESSES or FAILURES)
  if kept ~= bor(all, 0) then
    self.shm:set(key, kept % 2 ^ 32)
  end
  return band(rshift(kept, shift), COUNTER_MAX), band(kept, FAILURES) ~= 0, band(kept, SUCCESSES) ~= 0
end


-- {success, http_failure, tcp_failure, timeout_failure}
function state:counters(target)
  local all = self.shm:get(key_of(self, ":counter:", target)) or 0
  local function of(kind)
    return band(rshift(all, SHIFTS[kind]), COUNTER_MAX)
  end
  return { success = of "success", http_failure = of "http", tcp_failure = of "tcp", timeout_failure = of "timeout" }
end


-- Whether this worker is the one that probes for the next `seconds`; it stays so as long as it asks in time.
function state:owns(seconds)
  local pid = ngx.worker.pid()
  if self.shm:add(self.owner_key, pid, seconds) then
    return true
  end
  if self.shm:get(self.owner_key) ~= pid then
    return false
  end
  self.shm:set(self.owner_key, pid, seconds)
  return true
end


return state
