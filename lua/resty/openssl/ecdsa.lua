-- ECDSA signatures: between the DER form of TLS and the two concatenated numbers of JOSE.
local ffi = require "ffi"
local lib = require "resty.openssl.lib"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local ecdsa = {}

local r, s = ffi.new("const struct bignum_st *[1]"), ffi.new("const struct bignum_st *[1]")
local at, out = ffi.new("const unsigned char *[1]"), ffi.new("unsigned char *[1]")


function ecdsa.to_raw(der, bits)
  local width = math.floor((bits + 7) / 8)
  at[0] = ffi.cast("const unsigned char *", der)
  local sig = C.d2i_ECDSA_SIG(nil, at, #der)
  if sig == nil then
    return nil, format_error("ecdsa: not a signature")
  end
  C.ECDSA_SIG_get0(sig, r, s)
  local buf = ffi.new("unsigned char[?]", width * 2)
  local ok = C.BN_bn2binpad(r[0], buf, width) == width and C.BN_bn2binpad(s[0], buf + width, width) == width
  C.ECDSA_SIG_free(sig)
  if not ok then
    return nil, "ecdsa: number does not fit"
  end
  return ffi.string(buf, width * 2)
end


function ecdsa.from_raw(raw, bits)
  local width = math.floor((bits + 7) / 8)
  if #raw ~= width * 2 then
    return nil, "ecdsa: expect a raw signature of " .. width * 2 .. " bytes, got " .. #raw
  end
  local sig = C.ECDSA_SIG_new()
  C.ECDSA_SIG_set0(sig, C.BN_bin2bn(raw, width, nil), C.BN_bin2bn(raw:sub(width + 1), width, nil))
  local size = C.i2d_ECDSA_SIG(sig, nil)
  local buf = ffi.new("unsigned char[?]", size)
  out[0] = buf
  C.i2d_ECDSA_SIG(sig, out)
  C.ECDSA_SIG_free(sig)
  return ffi.string(buf, size)
end


return ecdsa
