-- ASN.1 strings and times as Lua values.
local ffi = require "ffi"
local C = require("resty.openssl.lib").C

local asn1 = {}

local string_t = ffi.typeof("const struct asn1_string_st *")

local day, sec = ffi.new("int[1]"), ffi.new("int[1]")
local epoch = ffi.gc(C.ASN1_TIME_set(nil, 0), C.ASN1_TIME_free)


-- Seconds since the epoch of an ASN1_TIME, or nil and an error.
function asn1.asn1_to_unix(time)
  -- Other code may have declared the functions that give times with another name of the type.
  if time == nil or C.ASN1_TIME_diff(day, sec, epoch, ffi.cast(string_t, time)) ~= 1 then
    return nil, "asn1.asn1_to_unix: not a time"
  end
  return day[0] * 86400 + sec[0]
end


-- An ASN1_TIME that is freed with its cdata.
function asn1.unix_to_asn1(seconds)
  local time = C.ASN1_TIME_set(nil, seconds)
  if time == nil then
    return nil, "asn1.unix_to_asn1: time is out of range"
  end
  return ffi.gc(time, C.ASN1_TIME_free)
end


-- The bytes of an ASN1_STRING.
function asn1.bytes(str)
  return ffi.string(C.ASN1_STRING_get0_data(str), C.ASN1_STRING_length(str))
end


return asn1
