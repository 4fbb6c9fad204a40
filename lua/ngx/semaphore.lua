-- require "ngx.semaphore": counting semaphores between the coroutines of a worker (runtime/vm/sema.c).
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C
local wait = base.wait
local getmetatable = getmetatable
local setmetatable = setmetatable
local tonumber = tonumber
local type = type
local OK, AGAIN = base.OK, base.AGAIN

local Semaphore = { version = "0.1.28" }
local mt = { __index = Semaphore }


local function free(handle)
  C.kgw_ffi_sema_free(handle)
end


local function handle_of(self)
  if type(self) ~= "table" or getmetatable(self) ~= mt then
    error("not a semaphore instance", 3)
  end
  return self.sem
end


--- A semaphore that n waits may pass at once (0).
function Semaphore.new(n)
  n = tonumber(n) or 0
  if n < 0 then
    error("no negative number", 2)
  end
  return setmetatable({ sem = ffi.gc(C.kgw_ffi_sema_new(n), free) }, mt)
end


--- true, or nil or false and "timeout" (after `seconds`; 0: only when it would pass at once).
function Semaphore.wait(self, seconds)
  local handle = handle_of(self)
  local ms = tonumber(seconds) * 1000
  if ms < 0 then
    error("no negative number", 2)
  end
  base.check_phase(base.YIELDABLE)
  local rc = C.kgw_ffi_sema_wait(handle, seconds)
  if rc == OK then
    return true
  elseif rc ~= AGAIN then
    return nil, "timeout"
  end
  wait()
  if C.kgw_ffi_op_rc() == OK then
    return true, nil
  end
  return false, "timeout"
end


function Semaphore.post(self, n)
  local handle = handle_of(self)
  n = n == nil and 1 or tonumber(n)
  if n < 1 then
    error("positive number required", 2)
  end
  C.kgw_ffi_sema_post(handle, n)
  return true
end


--- How many are free; negative: how many coroutines wait.
function Semaphore.count(self)
  return C.kgw_ffi_sema_count(handle_of(self))
end


return Semaphore
