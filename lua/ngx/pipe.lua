-- require "ngx.pipe": child processes whose standard streams are read and written without blocking (runtime/vm/pipe.c).
local ffi = require "ffi"
local base = require "ngx.base"
local payload = require "ngx.payload"

local C = base.C
local wait = base.wait
local check_phase = base.check_phase
local ffi_string = ffi.string
local tonumber = tonumber
local type = type

local OK, AGAIN, TIMEOUT, DECLINED = base.OK, base.AGAIN, base.TIMEOUT, base.DECLINED
local STDIN, STDOUT, STDERR = 0, 1, 2
local SIZE, LINE, ALL, ANY = 0, 1, 2, 3
local DEFAULT_MS = 10000
local ENDS = { stdin = STDIN, stdout = STDOUT, stderr = STDERR }
local NULL = ffi.cast("void *", 0)
local EXITED = "exited"

ffi.cdef "typedef struct { void *handle; double write_ms, stdout_ms, stderr_ms, wait_ms; bool was_waited; } kgw_pipe_proc_t;"

local out = base.new_str()
local code_out, signal_out = ffi.new("int[1]"), ffi.new("int[1]")

local Proc = {}


local function failure(rc, what)
  if rc == TIMEOUT then
    return "timeout"
  elseif rc == DECLINED then
    return "pipe busy " .. what
  end
  return "closed"
end


function Proc.pid(self)
  return C.kgw_ffi_pipe_pid(self.handle)
end


--- Milliseconds.
function Proc.set_timeouts(self, write_ms, stdout_ms, stderr_ms, wait_ms)
  self.write_ms = write_ms or self.write_ms
  self.stdout_ms = stdout_ms or self.stdout_ms
  self.stderr_ms = stderr_ms or self.stderr_ms
  self.wait_ms = wait_ms or self.wait_ms
end


--- Bytes written, or nil, err.
function Proc.write(self, data)
  check_phase(base.YIELDABLE)
  local text = type(data) == "string" and data or payload.text(data, 2)
  local rc = C.kgw_ffi_pipe_write(self.handle, text, #text, self.write_ms)
  if rc == AGAIN then
    wait()
    rc = C.kgw_ffi_op_rc()
  end
  if rc ~= OK then
    return nil, failure(rc, "writing")
  end
  return #text
end


--- Ends one of the streams: "stdin", "stdout", "stderr".
function Proc.shutdown(self, direction)
  local which = ENDS[direction]
  if not which then
    error("bad shutdown arg: " .. tostring(direction), 2)
  end
  local rc = C.kgw_ffi_pipe_shutdown(self.handle, which)
  if rc ~= OK then
    return nil, failure(rc, which == STDIN and "writing" or "reading")
  end
  return true
end


-- data, or nil, err, what came.
local function read(self, which, mode, want)
  check_phase(base.YIELDABLE)
  local handle = self.handle
  local rc = C.kgw_ffi_pipe_read(handle, which, mode, want, which == STDOUT and self.stdout_ms or self.stderr_ms)
  if rc == DECLINED then
    return nil, failure(rc, "reading")
  end
  if rc == AGAIN then
    wait()
    rc = C.kgw_ffi_op_rc()
  end
  rc = C.kgw_ffi_pipe_read_result(handle, which, rc, out)
  if rc == OK then
    return base.text(out), nil, nil
  end
  return nil, failure(rc, "reading"), base.text(out)
end


for name, which in pairs { stdout = STDOUT, stderr = STDERR } do
  Proc[name .. "_read_all"] = function(self)
    return read(self, which, ALL, 0)
  end
  Proc[name .. "_read_line"] = function(self)
    return read(self, which, LINE, 0)
  end
  Proc[name .. "_read_bytes"] = function(self, n)
    n = tonumber(n)
    if not n or n < 0 then
      error("bad len argument", 2)
    end
    return read(self, which, SIZE, n)
  end
  Proc[name .. "_read_any"] = function(self, max)
    max = tonumber(max)
    if not max or max <= 0 then
      error("bad max argument", 2)
    end
    return read(self, which, ANY, max)
  end
end


--- true or false (it failed), "exit" or "signal", its status; or nil, err.
function Proc.wait(self)
  check_phase(base.YIELDABLE)
  if self.was_waited then
    return nil, EXITED
  end
  local rc = C.kgw_ffi_pipe_wait(self.handle, self.wait_ms)
  if rc == AGAIN then
    wait()
    rc = C.kgw_ffi_op_rc()
  end
  if rc ~= OK then
    return nil, failure(rc, "waiting")
  end
  self.was_waited = true
  C.kgw_ffi_pipe_status(self.handle, code_out, signal_out)
  if signal_out[0] ~= 0 then
    return false, "signal", signal_out[0]
  end
  return code_out[0] == 0, "exit", code_out[0]
end


function Proc.kill(self, signal)
  local rc = C.kgw_ffi_pipe_kill(self.handle, signal)
  if rc == OK then
    return true
  end
  return nil, rc == base.CLOSED and EXITED or "no such process"
end


local proc_type = ffi.metatype("kgw_pipe_proc_t", {
  __index = Proc,
  __gc = function(self)
    C.kgw_ffi_pipe_free(self.handle)
  end,
})


-- NULL-terminated; the strings are kept alive by `list`.
local function c_list(list)
  local array = ffi.new("const char *[?]", #list + 1)
  for i = 1, #list do
    array[i - 1] = list[i]
  end
  return array
end


local Pipe = { _VERSION = "0.1.28" }


--- Starts a program (a list) or a shell command (a string): the process, or nil, err. opts: merge_stderr, environ (list of
--- "NAME=value"), write_timeout, stdout_read_timeout, stderr_read_timeout, wait_timeout (ms).
function Pipe.spawn(args, opts)
  if type(args) == "string" then
    args = { "/bin/sh", "-c", args }
  elseif type(args) ~= "table" then
    error("bad args arg: table expected, got " .. type(args), 2)
  end
  local list = {}
  for i = 1, #args do
    list[i] = tostring(args[i])
  end
  if not list[1] then
    error("bad args arg: non-empty table expected", 2)
  end
  opts = opts or {}
  local environ = opts.environ
  local handle = C.kgw_ffi_pipe_spawn(c_list(list), environ and c_list(environ) or nil, opts.merge_stderr and 1 or 0, out)
  if handle == NULL then
    return nil, ffi_string(out.ptr, out.len)
  end
  local proc = proc_type()
  proc.handle = handle
  proc.write_ms, proc.stdout_ms = opts.write_timeout or DEFAULT_MS, opts.stdout_read_timeout or DEFAULT_MS
  proc.stderr_ms, proc.wait_ms = opts.stderr_read_timeout or DEFAULT_MS, opts.wait_timeout or DEFAULT_MS
  return proc
end


return Pipe
