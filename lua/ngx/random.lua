-- Bytes from the system's generator.
local base = require "ngx.base"
local ffi = require "ffi"

local C = base.C
local ffi_string = ffi.string

local random = {}


function random.bytes(n)
  local out = base.buf(n)
  if C.kgw_ffi_random(out, n) ~= 0 then
    return nil
  end
  return ffi_string(out, n)
end


return random
