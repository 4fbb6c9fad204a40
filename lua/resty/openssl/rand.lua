-- Random bytes from libcrypto's generators.
local ffi = require "ffi"
local C = require("resty.openssl.lib").C
local format_error = require("resty.openssl.err").format_error

local rand = {}


-- is_private: from the generator for values that are kept secret.
function rand.bytes(length, is_private)
  if type(length) ~= "number" then
    return nil, "rand.bytes: expect a number at #1"
  end
  local buf = ffi.new("unsigned char[?]", length)
  local code = is_private and C.RAND_priv_bytes(buf, length) or C.RAND_bytes(buf, length)
  if code ~= 1 then
    return nil, format_error("rand.bytes", code)
  end
  return ffi.string(buf, length)
end


return rand
