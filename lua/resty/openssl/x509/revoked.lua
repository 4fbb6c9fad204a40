-- Entries of revocation lists.
local ffi = require "ffi"
require "resty.openssl.x509.lib"
local asn1 = require "resty.openssl.asn1"
local bn = require "resty.openssl.bn"
local lib = require "resty.openssl.lib"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local revoked = {}
revoked.__index = revoked


-- serial: bn or number; time: seconds since the epoch.
function revoked.new(serial, time, reason)
  local number = bn.istype(serial) and serial or bn.new(serial)
  if not number or type(time) ~= "number" or type(reason) ~= "number" then
    return nil, "x509.revoked.new: expect a bn instance or a number at #1, numbers at #2 and #3"
  end
  local ctx = ffi.gc(C.X509_REVOKED_new(), C.X509_REVOKED_free)
  local integer = ffi.gc(C.BN_to_ASN1_INTEGER(number.ctx, nil), C.ASN1_STRING_free)
  local date, err = asn1.unix_to_asn1(time)
  if not date then
    return nil, err
  end
  if C.X509_REVOKED_set_serialNumber(ctx, integer) ~= 1 or C.X509_REVOKED_set_revocationDate(ctx, date) ~= 1 then
    return nil, format_error("x509.revoked.new")
  end
  return setmetatable({ ctx = ctx, reason = reason }, revoked)
end


function revoked.istype(object)
  return lib.istype(object, revoked)
end


-- {serial_number = hexadecimal, revoked_date = seconds}
function revoked.to_table(ptr)
  local entry = ffi.cast("const struct x509_revoked_st *", ptr)
  local serial = bn.own(C.ASN1_INTEGER_to_BN(C.X509_REVOKED_get0_serialNumber(entry), nil))
  return {
    serial_number = serial:to_hex(),
    revoked_date = asn1.asn1_to_unix(C.X509_REVOKED_get0_revocationDate(entry)),
  }
end


return revoked
