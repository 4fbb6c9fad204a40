-- Certificate revocation lists.
local ffi = require "ffi"
local x509_lib = require "resty.openssl.x509.lib"
local bn = require "resty.openssl.bn"
local lib = require "resty.openssl.lib"
local revoked = require "resty.openssl.x509.revoked"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local crl = {}

local SPEC = {
  name = "x509.crl",
  prefix = "X509_CRL_",
  new = C.X509_CRL_new,
  free = C.X509_CRL_free,
  pem_read = C.PEM_read_bio_X509_CRL,
  der_read = C.d2i_X509_CRL_bio,
  pem_write = C.PEM_write_bio_X509_CRL,
  der_write = C.i2d_X509_CRL_bio,
}

x509_lib.define(crl, SPEC)
x509_lib.define_extensions(crl, SPEC)
x509_lib.define_names(crl, { issuer_name = { "X509_CRL_get_issuer", "X509_CRL_set_issuer_name" } })
x509_lib.define_times(crl, {
  last_update = { "X509_CRL_get0_lastUpdate", "X509_CRL_set1_lastUpdate" },
  next_update = { "X509_CRL_get0_nextUpdate", "X509_CRL_set1_nextUpdate" },
})
x509_lib.define_stack(crl, function(self)
  return C.X509_CRL_get_REVOKED(self.ctx)
end, revoked.to_table)

local REMOVED = 2
local found = ffi.new("struct x509_revoked_st *[1]")


function crl.dup(ptr)
  local ctx = C.X509_CRL_dup(ptr)
  if ctx == nil then
    return nil, "x509.crl.dup: X509_CRL_dup() failed"
  end
  return setmetatable({ ctx = ffi.gc(ctx, C.X509_CRL_free) }, crl)
end


-- serial: bn, or hexadecimal text. An entry as of index(), or false.
function crl:get_by_serial(serial)
  local number = bn.istype(serial) and serial or bn.from_hex(serial)
  if not number then
    return nil, "x509.crl:get_by_serial: expect a bn instance or a hexadecimal string at #1"
  end
  local integer = ffi.gc(C.BN_to_ASN1_INTEGER(number.ctx, nil), C.ASN1_STRING_free)
  local code = C.X509_CRL_get0_by_serial(self.ctx, found, integer)
  if code == 1 then
    return revoked.to_table(found[0])
  elseif code == REMOVED then
    return false, "not revoked (removeFromCRL)"
  end
  return false
end


function crl:add_revoked(entry)
  if not revoked.istype(entry) then
    return false, "x509.crl:add_revoked: expect a revoked instance at #1"
  end
  local copy = C.X509_REVOKED_dup(entry.ctx)
  if C.X509_CRL_add0_revoked(self.ctx, copy) ~= 1 then
    C.X509_REVOKED_free(copy)
    return false, format_error("x509.crl:add_revoked")
  end
  return true
end


function crl:text()
  local text = lib.written(C.X509_CRL_print, self.ctx)
  if not text then
    return nil, format_error("x509.crl:text")
  end
  return text
end


return crl
