-- Long work in slices: new(us) gives a function to call between steps; when the coroutine has run for that long, the
-- function lets the loop have a turn, so that requests never wait longer than a slice. In phases that cannot wait it does nothing.
local base = require "ngx.base"
local bit = require "bit"

local C = base.C
local band = bit.band
local cur = base.cur
local tonumber = tonumber

local SLICE_US = 1000

local pause = {}


function pause.new(slice_us)
  slice_us = slice_us or SLICE_US
  local since = tonumber(C.kgw_ffi_mono_us())
  return function()
    local now = tonumber(C.kgw_ffi_mono_us())
    if now - since < slice_us or band(cur.phase, base.YIELDABLE) == 0 then
      return
    end
    if C.kgw_ffi_sleep(0) == base.AGAIN then
      base.wait()
    end
    since = tonumber(C.kgw_ffi_mono_us())
  end
end


return pause
