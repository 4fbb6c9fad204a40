-- Clocks, time texts and ngx.sleep.
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C
local cur = base.cur
local check_phase = base.check_phase
local wait = base.wait
local error = error
local floor = math.floor
local type = type
local tonumber = tonumber
local date = os.date
local ffi_string = ffi.string

local SLEEP = bit.bor(base.YIELDABLE, base.INIT_WORKER)
local out = ffi.new("double[1]")
local buf = ffi.new("char[64]")

local WEEK_DAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

local Time = {}


function Time.now()
  return C.kgw_ffi_now()
end


function Time.time()
  return floor(C.kgw_ffi_now())
end


function Time.update_time()
  C.kgw_ffi_update_time()
end


-- Monotonic seconds, for durations.
function Time.monotonic()
  return tonumber(C.kgw_ffi_mono_us()) / 1e6
end


function Time.today()
  return date("%Y-%m-%d", Time.time())
end


function Time.localtime()
  return date("%Y-%m-%d %H:%M:%S", Time.time())
end


function Time.utctime()
  return date("!%Y-%m-%d %H:%M:%S", Time.time())
end


function Time.http_time(seconds)
  if type(seconds) ~= "number" then
    error("number argument only", 2)
  end
  return ffi_string(buf, C.kgw_ffi_http_time(seconds, buf))
end


function Time.cookie_time(seconds)
  if type(seconds) ~= "number" then
    error("number argument only", 2)
  end
  local t = date("!*t", seconds)
  -- Netscape's form has a year of two digits up to 2037
  local year = t.year > 2037 and ("%d"):format(t.year) or ("%02d"):format(t.year % 100)
  return ("%s, %02d-%s-%s %02d:%02d:%02d GMT"):format(WEEK_DAYS[t.wday], t.day, MONTHS[t.month], year, t.hour, t.min, t.sec)
end


function Time.parse_http_time(s)
  if type(s) ~= "string" then
    error("string argument only", 2)
  end
  if C.kgw_ffi_parse_http_time(s, #s, out) ~= 0 then
    return nil
  end
  return out[0]
end


function Time.sleep(seconds)
  if type(seconds) ~= "number" then
    local n = tonumber(seconds)
    if not n then
      base.bad_arg(1, "number expected, got " .. type(seconds), 1)
    end
    seconds = n
  end
  if seconds < 0 then
    error('invalid sleep duration "' .. floor(seconds * 1000) .. '"', 2)
  end
  if cur.phase ~= base.INIT then
    check_phase(SLEEP)
  end
  if C.kgw_ffi_sleep(seconds) == base.AGAIN then
    wait()
  end
end


return Time
