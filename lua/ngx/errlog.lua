-- require "ngx.errlog": lines for the error log as they are, and its level. Capturing logs is not offered.
local base = require "ngx.base"

local C = base.C
local error = error
local type = type

local MAX = 4096 - 50

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


function Errlog.set_filter_level()
  return nil, "directive \"lua_capture_error_log\" is not set"
end


function Errlog.get_logs()
  return nil, "directive \"lua_capture_error_log\" is not set"
end


return Errlog
