-- require "ngx.errlog": lines for the error log as they are, and its level,
-- and the last lines it got in this worker (directive lua_capture_error_log).
local base = require "ngx.base"
local ffi = require "ffi"

local C = base.C
local error = error
local tonumber = tonumber
local type = type

local MAX = 4096 - 50
local NOT_SET = "directive \"lua_capture_error_log\" is not set"
local LINE_MAX = 6144

local line = ffi.new("char[?]", LINE_MAX)
local level_out = ffi.new("int[1]")
local time_out = ffi.new("double[1]")

local Errlog = {}


function Errlog.raw_log(level, text)
  if type(level) ~= "number" then
    error("bad argument #1 to 'raw_log' (must be a number)", 2)
  end
  if type(text) ~= "string" then
    error("bad argument #2 to 'raw_log' (must be a string)", 2)
  end
  if level < 0 or level > 8 then
    error("bad log level", 2)
  end
  C.kgw_ffi_log(level, text, #text < MAX and #text or MAX)
end


function Errlog.get_sys_filter_level()
  return C.kgw_ffi_log_level(-1)
end


-- Of this worker, from now on.
function Errlog.set_sys_filter_level(level)
  C.kgw_ffi_log_level(level)
end


-- Which lines are kept from now on: true | nil, err.
function Errlog.set_filter_level(level)
  if not level then
    return nil, "missing \"level\" argument"
  end
  if C.kgw_ffi_log_ring_level(level) ~= 0 then
    return nil, NOT_SET
  end
  return true
end


-- Takes the oldest lines, 10 unless told otherwise: { level, seconds, line, level, seconds, line, ... } | nil, err.
-- Fills `res` when it is given; what follows the last line in it is cut off by a nil.
function Errlog.get_logs(max, res)
  if C.kgw_ffi_log_ring_level(-1) ~= 0 then
    return nil, NOT_SET
  end
  res = res or {}
  local n = 0
  for _ = 1, max or 10 do
    local len = tonumber(C.kgw_ffi_log_ring_take(line, LINE_MAX, level_out, time_out))
    if len < 0 then
      break
    end
    res[n + 1], res[n + 2], res[n + 3] = level_out[0], time_out[0], ffi.string(line, len)
    n = n + 3
  end
  res[n + 1] = nil
  return res
end


return Errlog
