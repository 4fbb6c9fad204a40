-- require "ngx.process": which process this is.
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C

ffi.cdef [[
int getppid(void);
int kill(int pid, int sig);
]]

local SIGQUIT = 3

local Process = { version = "0.1.28" }


function Process.type()
  if C.kgw_ffi_worker_id() < 0 then
    return "master"
  end
  return "worker"
end


-- There is no privileged process: what it would do, the first worker does.
function Process.enable_privileged_agent()
  if base.cur.phase ~= base.INIT then
    return nil, "API disabled in the current context"
  end
  return true
end


function Process.get_master_pid()
  if C.kgw_ffi_worker_id() < 0 then
    return C.getpid()
  end
  return C.getppid()
end


-- This worker finishes its requests and ends; the master starts another.
function Process.signal_graceful_exit()
  C.kill(C.getpid(), SIGQUIT)
end


return Process
