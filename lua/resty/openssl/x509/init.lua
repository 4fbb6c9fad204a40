-- Certificates.
local ffi = require "ffi"
local x509_lib = require "resty.openssl.x509.lib"
local bn = require "resty.openssl.bn"
local digest = require "resty.openssl.digest"
local extension = require "resty.openssl.x509.extension"
local lib = require "resty.openssl.lib"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local x509 = {}
x509.__index = x509

local SPEC = {
  name = "x509",
  prefix = "X509_",
  new = C.X509_new,
  free = C.X509_free,
  pem_read = C.PEM_read_bio_X509,
  der_read = C.d2i_X509_bio,
  pem_write = C.PEM_write_bio_X509,
  der_write = C.i2d_X509_bio,
}

x509_lib.define(x509, SPEC)
x509_lib.define_extensions(x509, SPEC)
x509_lib.define_pubkey(x509, SPEC)
x509_lib.define_names(x509, {
  subject_name = { "X509_get_subject_name", "X509_set_subject_name" },
  issuer_name = { "X509_get_issuer_name", "X509_set_issuer_name" },
})
x509_lib.define_times(x509, {
  not_before = { "X509_get0_notBefore", "X509_set1_notBefore" },
  not_after = { "X509_get0_notAfter", "X509_set1_notAfter" },
})

local buf, len = ffi.new("unsigned char[64]"), ffi.new("unsigned int[1]")


function x509.dup(ptr)
  local ctx = C.X509_dup(ptr)
  if ctx == nil then
    return nil, "x509.dup: X509_dup() failed"
  end
  return setmetatable({ ctx = ffi.gc(ctx, C.X509_free) }, x509)
end


-- Shares the certificate with its other owners.
function x509.ref(ptr)
  ptr = ffi.cast("struct x509_st *", ptr)
  C.X509_up_ref(ptr)
  return setmetatable({ ctx = ffi.gc(ptr, C.X509_free) }, x509)
end


local function digest_with(fn, context)
  return function(self, name)
    local md, err = digest.find(name or "sha1", context)
    if not md then
      return nil, err
    end
    if fn(self.ctx, md, buf, len) ~= 1 then
      return nil, format_error(context)
    end
    return ffi.string(buf, len[0])
  end
end


x509.digest = digest_with(C.X509_digest, "x509:digest")
x509.pubkey_digest = digest_with(C.X509_pubkey_digest, "x509:pubkey_digest")


function x509:get_serial_number()
  local number = C.ASN1_INTEGER_to_BN(C.X509_get_serialNumber(self.ctx), nil)
  if number == nil then
    return nil, format_error("x509:get_serial_number")
  end
  return bn.own(number)
end


function x509:set_serial_number(number)
  if not bn.istype(number) then
    return false, "x509:set_serial_number: expect a bn instance at #1"
  end
  local integer = C.BN_to_ASN1_INTEGER(number.ctx, nil)
  if integer == nil then
    return false, format_error("x509:set_serial_number")
  end
  ffi.gc(integer, C.ASN1_STRING_free)
  return C.X509_set_serialNumber(self.ctx, integer) == 1
end


function x509:get_lifetime()
  local from, err = self:get_not_before()
  if not from then
    return nil, nil, err
  end
  local to
  to, err = self:get_not_after()
  if not to then
    return nil, nil, err
  end
  return from, to
end


function x509:set_lifetime(from, to)
  local ok, err = self:set_not_before(from)
  if not ok then
    return ok, err
  end
  return self:set_not_after(to)
end


for attribute, sn in pairs { subject_alt_name = "subjectAltName", issuer_alt_name = "issuerAltName" } do
  x509["get_" .. attribute] = function(self)
    local object, _, err = self:get_extension(sn)
    if not object then
      return nil, err
    end
    return object:to_data(sn)
  end
  x509["set_" .. attribute] = function(self, names)
    local object, err = extension.from_data(names, sn)
    if not object then
      return false, err
    end
    return self:set_extension(object)
  end
  x509["get_" .. attribute .. "_critical"] = function(self)
    return self:get_extension_critical(sn)
  end
  x509["set_" .. attribute .. "_critical"] = function(self, is_critical)
    return self:set_extension_critical(sn, is_critical)
  end
end


-- {ca =, pathlen =}, or one of them by its name.
function x509:get_basic_constraints(key)
  local object, _, err = self:get_extension("basicConstraints")
  if not object then
    return nil, err
  end
  local text = object:text()
  local all = { ca = text:find("CA:TRUE", 1, true) ~= nil, pathlen = tonumber(text:match("pathlen:(%d+)")) or 0 }
  if key then
    return all[key:lower()]
  end
  return all
end


function x509:set_basic_constraints(values)
  local lower = {}
  for key, value in pairs(values) do
    lower[key:lower()] = value
  end
  local text = "CA:" .. (lower.ca and "TRUE" or "FALSE")
  if lower.pathlen then
    text = text .. ",pathlen:" .. lower.pathlen
  end
  local object, err = extension.new("basicConstraints", text)
  if not object then
    return false, err
  end
  return self:set_extension(object)
end


function x509:get_basic_constraints_critical()
  return self:get_extension_critical("basicConstraints")
end


function x509:set_basic_constraints_critical(is_critical)
  return self:set_extension_critical("basicConstraints", is_critical)
end


-- Addresses in an extension, in the order of its text.
local function uris(self, extension_name, pattern, want_all)
  local object, _, err = self:get_extension(extension_name)
  if not object then
    return nil, err
  end
  local list = {}
  for uri in object:text():gmatch(pattern) do
    list[#list + 1] = uri
  end
  if want_all then
    return list
  end
  return list[1]
end


function x509:get_ocsp_url(want_all)
  return uris(self, "authorityInfoAccess", "OCSP %- URI:([^\n]+)", want_all)
end


function x509:get_crl_url(want_all)
  return uris(self, "crlDistributionPoints", "URI:([^\n]+)", want_all)
end


return x509
