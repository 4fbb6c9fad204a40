-- Clocks in the units plugins expect, and nginx's durations.
local ffi = require "ffi"

local C = ffi.C
local gmatch = string.gmatch
local gsub = string.gsub
local ngx = ngx
local now = ngx.now
local tonumber = tonumber
local update_time = ngx.update_time

pcall(ffi.cdef, [[
typedef struct kong_timespec { long tv_sec; long tv_nsec; } kong_timespec;
int clock_gettime(int clock, struct kong_timespec *out);
]])

local CLOCK_REALTIME, CLOCK_MONOTONIC = 0, 1
local SECONDS = { y = 31536000, M = 2592000, w = 604800, d = 86400, h = 3600, m = 60, s = 1, ms = 0.001 }

local spec = ffi.new("struct kong_timespec")
local spec_ptr = ffi.cast("void *", spec)

local time = {}


-- Nanoseconds since the epoch.
function time.time_ns()
  C.clock_gettime(CLOCK_REALTIME, spec_ptr)
  return tonumber(spec.tv_sec) * 1e9 + tonumber(spec.tv_nsec)
end


-- Seconds with milliseconds, read anew.
function time.get_updated_now()
  update_time()
  return now()
end


function time.get_now_ms()
  return now() * 1000
end


function time.get_updated_now_ms()
  update_time()
  return now() * 1000
end


function time.get_start_time_ms()
  return ngx.req.start_time() * 1000
end


function time.get_updated_monotonic_ms()
  C.clock_gettime(CLOCK_MONOTONIC, spec_ptr)
  return tonumber(spec.tv_sec) * 1000 + tonumber(spec.tv_nsec) / 1e6
end


-- "1h30m" in seconds.
function time.nginx_conf_time_to_seconds(text)
  local total = 0
  local rest = gsub(text, "%s", "")
  if rest:find("^%d+$") then
    return tonumber(rest)
  end
  if rest == "" or rest:gsub("%d+%a+", "") ~= "" then
    error("bad argument #1 'str'", 2)
  end
  for count, unit in gmatch(rest, "(%d+)(%a+)") do
    local seconds = SECONDS[unit]
    if not seconds then
      error("bad argument #1 'str'", 2)
    end
    total = total + tonumber(count) * seconds
  end
  return math.floor(total)
end


return time
