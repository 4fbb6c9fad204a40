-- ngx.timer: the function and its arguments wait here under an id that C hands back when the time has come. As under
-- Kong's timer library the handle is a name, misuse raises, and `every` never overlaps with itself.
local base = require "ngx.base"
local guard = require "ngx.guard"

local C = base.C
local cur = base.cur
local error = error
local floor = math.floor
local select = select
local tonumber = tonumber
local type = type
local unpack = unpack

local PREMATURE = true
local LIMIT = 65536
local NO_ARGS = {}

local jobs = {}
local names = {}
local last_id = 0
local serial = 0

local Timer = {}


local function new_id()
  repeat
    last_id = last_id % 4294967295 + 1
  until not jobs[last_id]
  return last_id
end


local function keep(fn, interval, ...)
  local n = select("#", ...)
  local job = { fn = fn, interval = interval, n = n }
  if n > 0 then
    job.args = { ... }
  end
  return job
end


local function check(delay, fn, what)
  if type(fn) ~= "function" then
    error("expected `callback` to be a function", 3)
  end
  if type(delay) ~= "number" then
    error("expected `" .. what .. "` to be a number", 3)
  end
  if cur.phase == base.EXIT_WORKER then
    error("API disabled in the context of exit_worker_by_lua*", 3)
  end
end


-- In the master there is no loop: what is asked for there starts in the workers.
local postponed = {}

local function start(job, delay)
  if C.kgw_ffi_worker_exiting() ~= 0 and delay > 0 then
    return false, "process exiting"
  end
  local id = new_id()
  serial = serial + 1
  job.name = "unix_timestamp=" .. floor(C.kgw_ffi_now() * 1000) .. ";counter=" .. serial
  jobs[id] = job
  names[job.name] = id
  job.delay = delay
  if C.kgw_ffi_worker_id() < 0 then
    postponed[#postponed + 1] = id
  else
    C.kgw_ffi_timer_start(id, delay)
  end
  return job.name
end


function Timer.at(delay, fn, ...)
  check(delay, fn, "delay")
  if delay < 0 then
    error("expected `delay` to be greater than or equal to 0", 2)
  end
  if C.kgw_ffi_timer_count(0) >= LIMIT then
    return false, "too many pending timers"
  end
  return start(keep(fn, nil, ...), delay)
end


function Timer.every(interval, fn, ...)
  check(interval, fn, "interval")
  if interval <= 0 then
    error("expected `interval` to be greater than or equal to 0", 2)
  end
  if C.kgw_ffi_worker_exiting() ~= 0 then
    return false, "process exiting"
  end
  return start(keep(fn, interval, ...), interval)
end


function Timer.running_count()
  return C.kgw_ffi_timer_count(1)
end


function Timer.pending_count()
  return C.kgw_ffi_timer_count(0)
end


-- Stops the timer of that name; false when there is none or it runs already.
function Timer.cancel(name)
  local id = names[name]
  if not id then
    return false
  end
  jobs[id].is_cancelled = true
  if C.kgw_ffi_timer_stop(id) ~= 0 then
    return false
  end
  names[name], jobs[id] = nil, nil
  return true
end


-- Stops the timers whose function is_wanted says true of; one that runs now runs to its end and not again.
function Timer.cancel_where(is_wanted)
  local wanted = {}
  for _, job in pairs(jobs) do
    if is_wanted(job.fn) then
      wanted[#wanted + 1] = job.name
    end
  end
  for i = 1, #wanted do
    Timer.cancel(wanted[i])
  end
end


-- Called by C in a coroutine of its own.
function Timer.run(id, premature)
  local job = jobs[id]
  if not job then
    return
  end
  jobs[id] = nil
  if not job.interval or premature == PREMATURE or job.is_cancelled then
    names[job.name] = nil
    if job.is_cancelled then
      return
    end
    if job.n == 0 then
      return job.fn(premature)
    end
    return job.fn(premature, unpack(job.args, 1, job.n))
  end
  Timer.run_again(job)
end


local function log_failure(err, trace)
  local line = "lua entry thread aborted: runtime error: " .. (trace or tostring(err))
  C.kgw_ffi_log(4, line, #line < 4000 and #line or 4000)
end


local function with_traceback(err)
  return { err, debug.traceback(tostring(err), 2) }
end


-- One run of `every`; the next one is due an interval after this one began, or at once when it took longer. There is none
-- after one that never ended.
function Timer.run_again(job)
  local began = C.kgw_ffi_now()
  local ok, finished, failure = guard.call(xpcall, job.fn, with_traceback, false, unpack(job.args or NO_ARGS, 1, job.n))
  if not ok then
    log_failure(finished)
    job.is_cancelled = job.is_cancelled or guard.is_interruption(finished)
  elseif not finished then
    log_failure(failure[1], failure[2])
    job.is_cancelled = job.is_cancelled or guard.is_interruption(failure[1])
  end
  if job.is_cancelled or C.kgw_ffi_worker_exiting() ~= 0 then
    names[job.name] = nil
    return
  end
  local id = new_id()
  jobs[id] = job
  names[job.name] = id
  local left = job.interval - (C.kgw_ffi_now() - began)
  C.kgw_ffi_timer_start(id, left > 0 and left or 0)
end


-- A worker has begun: what the master's boot asked for.
function Timer.start_postponed()
  for i = 1, #postponed do
    local id = postponed[i]
    if jobs[id] then
      C.kgw_ffi_timer_start(id, tonumber(jobs[id].delay))
    end
  end
  postponed = {}
end


return Timer
