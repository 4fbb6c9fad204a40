-- Bytes from the system's generator.
local base = require "ngx.base"
local ffi = require "ffi"

local C = base.C
local ffi_string = ffi.string

local random = {}

-- Asking for more is a mistake that would keep the worker busy for seconds.
local MAX = 2 ^ 24


-- nil for a number that no buffer has.
function random.bytes(n)
  n = tonumber(n)
  if not n or n < 0 or n > MAX then
    return nil
  end
  local out = base.buf(n)
  if C.kgw_ffi_random(out, n) ~= 0 then
    return nil
  end
  return ffi_string(out, n)
end


return random
