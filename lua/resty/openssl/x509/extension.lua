-- Extensions of certificates, requests and CRLs.
local ffi = require "ffi"
require "resty.openssl.x509.lib"
local asn1 = require "resty.openssl.asn1"
local lib = require "resty.openssl.lib"
local objects = require "resty.openssl.objects"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local extension = {}
extension.__index = extension

local OCTET_STRING = 4
-- X509V3_CTX: its fields are set by functions; this is larger than it is.
local CTX_SIZE = 128


local function own(ptr, context)
  if ptr == nil then
    return nil, format_error(context)
  end
  return setmetatable({ ctx = ffi.gc(ptr, C.X509_EXTENSION_free) }, extension)
end


-- name, value: as in openssl.cnf. data: {issuer =, subject =, request =, crl =} or the text of a configuration.
function extension.new(name, value, data)
  local nconf
  local ctx = ffi.new("char[?]", CTX_SIZE)
  if type(data) == "table" then
    local function ptr(object)
      return object and object.ctx or nil
    end
    C.X509V3_set_ctx(ctx, ptr(data.issuer), ptr(data.subject), ptr(data.request), ptr(data.crl), 0)
  else
    C.X509V3_set_ctx(ctx, nil, nil, nil, nil, 0)
  end
  if type(data) == "string" then
    nconf = ffi.gc(C.NCONF_new(nil), C.NCONF_free)
    local bio = C.BIO_new_mem_buf(data, #data)
    local code = C.NCONF_load_bio(nconf, bio, nil)
    C.BIO_free(bio)
    if code ~= 1 then
      return nil, format_error("x509.extension.new", code)
    end
    C.X509V3_set_nconf(ctx, nconf)
  end
  return own(C.X509V3_EXT_nconf(nconf, ctx, name, value), "x509.extension.new")
end


function extension.dup(ptr)
  return own(C.X509_EXTENSION_dup(ptr), "x509.extension.dup")
end


function extension.from_der(der, nid_or_text, is_critical)
  local nid, err = objects.txtnid2nid(nid_or_text)
  if not nid then
    return nil, err
  end
  local str = ffi.gc(C.ASN1_STRING_type_new(OCTET_STRING), C.ASN1_STRING_free)
  C.ASN1_STRING_set(str, der, #der)
  return own(C.X509_EXTENSION_create_by_NID(nil, nid, is_critical and 1 or 0, str), "x509.extension.from_der")
end


-- object: with a stack in `ctx`, as resty.openssl.x509.altname.
function extension.from_data(object, nid_or_text, is_critical)
  local nid, err = objects.txtnid2nid(nid_or_text)
  if not nid then
    return nil, err
  end
  return own(C.X509V3_EXT_i2d(nid, is_critical and 1 or 0, object.ctx), "x509.extension.from_data")
end


function extension.to_data(self, nid_or_text)
  local nid, err = objects.txtnid2nid(nid_or_text)
  if not nid then
    return nil, err
  end
  local sn = ffi.string(C.OBJ_nid2sn(nid))
  if sn ~= "subjectAltName" and sn ~= "issuerAltName" then
    return nil, "x509.extension:to_data: don't know how to convert to NID " .. sn
  end
  local ptr = C.X509V3_EXT_d2i(self.ctx)
  if ptr == nil then
    return nil, format_error("x509.extension:to_data")
  end
  return require("resty.openssl.x509.altname").own(ptr)
end


function extension.istype(object)
  return lib.istype(object, extension)
end


function extension:to_der()
  return asn1.bytes(C.X509_EXTENSION_get_data(self.ctx))
end


function extension:get_extension_critical()
  return C.X509_EXTENSION_get_critical(self.ctx) == 1
end


function extension:set_extension_critical(is_critical)
  return C.X509_EXTENSION_set_critical(self.ctx, is_critical and 1 or 0) == 1
end


function extension:get_object()
  return C.X509_EXTENSION_get_object(self.ctx)
end


function extension:text()
  local text = lib.written(C.X509V3_EXT_print, self.ctx, 0, 0)
  if not text then
    C.ERR_clear_error()
    text = lib.written(C.ASN1_STRING_print, C.X509_EXTENSION_get_data(self.ctx))
  end
  if not text then
    return nil, format_error("x509.extension:text")
  end
  return text
end


extension.tostring = extension.text
extension.__tostring = extension.text


return extension
