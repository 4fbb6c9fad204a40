-- ngx.thread: light threads, coroutines of the same request or timer that the scheduler runs side by side.
local ffi = require "ffi"
local base = require "ngx.base"
local Coroutine = require "ngx.coroutine"
local native = require "kgw.native"

local C = base.C
local cur = base.cur
local check_phase = base.check_phase
local wait = base.wait
local light = Coroutine.light
local running = coroutine.running
local error = error
local pcall = pcall
local select = select
local type = type
local unpack = unpack
local xpcall = xpcall
local debug_traceback = debug.traceback

local LOG_ERR = 4
local YIELDABLE = base.YIELDABLE

local Thread = {}

-- Who spawned a thread. Records refer to no thread: with a reference back to its key an entry of `light` would stay for ever.
local parents = setmetatable({}, { __mode = "kv" })

-- Wait objects that are free.
local spare, spare_cnt = {}, 0

local function get_waiter()
  if spare_cnt > 0 then
    local w = spare[spare_cnt]
    spare[spare_cnt] = nil
    spare_cnt = spare_cnt - 1
    return w
  end
  return ffi.gc(C.kgw_ffi_wait_new(), C.kgw_ffi_wait_free)
end


local function put_waiter(w)
  if spare_cnt < 64 then
    spare_cnt = spare_cnt + 1
    spare[spare_cnt] = w
  end
end


local function on_error(err)
  local line = "lua user thread aborted: runtime error: " .. debug_traceback(tostring(err), 2)
  C.kgw_ffi_log(LOG_ERR, line, #line < 4000 and #line or 4000)
  return err
end


local function finish(record, ...)
  record.n = select("#", ...)
  record.results = { ... }
  record.status = record.is_waited and "dead" or "zombie"
  local group = record.wait
  if group then
    group.first = group.first or record
    C.kgw_ffi_wait_wake(group.waiter, 0)
  end
end


-- What a light thread runs: the user's function; what it returns is kept for wait().
local function main(record, fn, ...)
  record.thread = running()
  light[record.thread] = record
  finish(record, xpcall(fn, on_error, ...))
end


function Thread.spawn(fn, ...)
  check_phase(YIELDABLE)
  if type(fn) ~= "function" then
    base.bad_arg(1, "Lua function expected", 1)
  end
  local record = { status = "running" }
  record.handle = native.spawn(main, record, fn, ...)
  local thread = record.thread
  record.thread = nil
  parents[thread] = running()
  return thread
end


local function collect(record)
  record.status = "dead"
  record.is_collected = true
  local results = record.results
  record.results = nil
  return unpack(results, 1, record.n)
end


local function record_of(co, i)
  if type(co) ~= "thread" then
    base.bad_arg(i, "lua thread expected", 2)
  end
  return light[co]
end


local function check_waitable(record, i, co)
  if not record then
    if type(co) ~= "thread" then
      base.bad_arg(i, "lua thread expected", 3)
    end
    error("attempt to wait on a coroutine that is not a user thread", 3)
  end
  if parents[co] ~= running() then
    error("only the parent coroutine can wait on the thread", 3)
  end
end


-- Waits for the first to end of several that all still run.
local function wait_for(records, n)
  local waiter = get_waiter()
  local group = { waiter = waiter, first = nil }
  for i = 1, n do
    records[i].wait = group
  end
  if C.kgw_ffi_wait_begin(waiter, -1) == base.AGAIN then
    wait()
  end
  put_waiter(waiter)
  for i = 1, n do
    records[i].wait = nil
  end
  return collect(group.first)
end


function Thread.wait(...)
  check_phase(YIELDABLE)
  local n = select("#", ...)
  if n == 0 then
    error("at least one coroutine should be specified", 2)
  end
  local records = {}
  for i = 1, n do
    local co = select(i, ...)
    local record = record_of(co, i)
    check_waitable(record, i, co)
    if record.is_collected then
      return nil, "already waited or killed"
    elseif record.results then
      return collect(record)
    end
    records[i] = record
  end
  return wait_for(records, n)
end


function Thread.kill(co)
  check_phase(YIELDABLE)
  local record = record_of(co, 1)
  if not record then
    return nil, "not user thread"
  elseif parents[co] ~= running() then
    return nil, "killer not parent"
  elseif record.is_collected then
    return nil, "already waited or killed"
  elseif record.results then
    record.is_collected, record.results, record.status = true, nil, "dead"
    return nil, "already terminated"
  end
  record.is_collected, record.status = true, "dead"
  C.kgw_ffi_thread_kill(record.handle)
  return 1
end


-- For modules of ngx that wait for an event: semaphores.
Thread.get_waiter = get_waiter
Thread.put_waiter = put_waiter
Thread.pcall = pcall
Thread.cur = cur


return Thread
