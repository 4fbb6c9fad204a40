-- Mutual exclusion between workers (a lock in a shared dictionary) and between coroutines of one (a semaphore).
local semaphore = require "ngx.semaphore"
local in_yieldable_phase = require("kong.tools.yield").in_yieldable_phase

local error = error
local pcall = pcall
local type = type

local concurrency = {}

local LOCK_DICT = "kong_locks"
local TIMEOUT_DEFAULT = 60

-- By name.
local semaphores = {}


local function check(opts, name, is_required, kind)
  local value = opts[name]
  if value == nil and not is_required then
    return
  end
  if type(value) ~= kind then
    error("opts." .. name .. (is_required and " is required and" or "") .. " must be a " .. kind, 3)
  end
end


-- Results of pcall as results of a function: value, err.
local function unwrap(ok, value, err)
  if not ok then
    return nil, value
  end
  return value, err
end


-- opts: name, timeout and exptime in seconds. Returns what fn(elapsed) returns | nil, "timeout", ttl | nil, err.
function concurrency.with_worker_mutex(opts, fn)
  if type(opts) ~= "table" then
    error("opts must be a table", 2)
  end
  check(opts, "name", true, "string")
  check(opts, "timeout", false, "number")
  check(opts, "exptime", false, "number")

  local timeout = opts.timeout or TIMEOUT_DEFAULT
  local lock, err = require("resty.lock"):new(LOCK_DICT, { exptime = opts.exptime or timeout, timeout = timeout })
  if not lock then
    return nil, "failed to create worker lock: " .. err
  end
  local elapsed
  elapsed, err = lock:lock(opts.name)
  if not elapsed then
    if err == "timeout" then
      return nil, err, ngx.shared[LOCK_DICT]:ttl(opts.name)
    end
    return nil, "failed to acquire worker lock: " .. err
  end
  local ok, value, fn_err = pcall(fn, elapsed)
  lock:unlock()
  return unwrap(ok, value, fn_err)
end


local function semaphore_of(name)
  local found = semaphores[name]
  if found then
    return found
  end
  local made, err = semaphore.new(1)
  if not made then
    return nil, err
  end
  semaphores[name] = made
  return made
end


-- opts: name, timeout (seconds), on_timeout ("run_unlocked", "return_true" or nil: an error). Where nothing may wait fn
-- runs at once. Returns what fn() returns | nil, err.
function concurrency.with_coroutine_mutex(opts, fn)
  if type(opts) ~= "table" then
    error("opts must be a table", 2)
  end
  check(opts, "name", true, "string")
  check(opts, "timeout", false, "number")
  local on_timeout = opts.on_timeout
  if on_timeout and on_timeout ~= "run_unlocked" and on_timeout ~= "return_true" then
    error("invalid value for opts.on_timeout", 2)
  end
  if not in_yieldable_phase() then
    return fn()
  end

  local sema, err = semaphore_of(opts.name)
  if not sema then
    return nil, "failed to create " .. opts.name .. " lock: " .. err
  end
  local is_locked
  is_locked, err = sema:wait(opts.timeout or TIMEOUT_DEFAULT)
  if not is_locked then
    if err ~= "timeout" then
      return nil, "error attempting to acquire " .. opts.name .. " lock: " .. err
    end
    if on_timeout == "return_true" then
      return true
    end
    if on_timeout ~= "run_unlocked" then
      return nil, "timeout acquiring " .. opts.name .. " lock"
    end
    kong.log.warn("bypassing ", opts.name, " lock: timeout")
  end
  local ok, value, fn_err = pcall(fn)
  if is_locked then
    sema:post(1)
  end
  return unwrap(ok, value, fn_err)
end


return concurrency
