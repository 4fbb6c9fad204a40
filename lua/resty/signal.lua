-- require "resty.signal": signals by name or number to processes.
local ffi = require "ffi"

ffi.cdef "int kill(int pid, int sig);"

local NUMBERS = {
  NONE = 0, HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10, SEGV = 11, USR2 = 12,
  PIPE = 13, ALRM = 14, TERM = 15, CHLD = 17, CONT = 18, STOP = 19, TSTP = 20, TTIN = 21, TTOU = 22, URG = 23, XCPU = 24,
  XFSZ = 25, VTALRM = 26, PROF = 27, WINCH = 28, IO = 29, PWR = 30, SYS = 31,
}
local ERRORS = { [1] = "Operation not permitted", [3] = "No such process", [22] = "Invalid argument" }

local Signal = { version = 0.03 }


--- The signal's number, or nil, err.
function Signal.signum(signal)
  if type(signal) == "number" then
    return signal
  end
  local number = NUMBERS[signal]
  if not number then
    return nil, "unknown signal"
  end
  return number
end


--- true, or nil, err.
function Signal.kill(pid, signal)
  local number, err = Signal.signum(signal)
  if not number then
    return nil, err
  end
  if ffi.C.kill(tonumber(pid), number) == 0 then
    return true
  end
  return nil, ERRORS[ffi.errno()] or "errno " .. ffi.errno()
end


return Signal
