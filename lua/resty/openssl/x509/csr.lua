-- Certificate signing requests.
local ffi = require "ffi"
local x509_lib = require "resty.openssl.x509.lib"
local extension = require "resty.openssl.x509.extension"
local lib = require "resty.openssl.lib"
local objects = require "resty.openssl.objects"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local csr = {}
csr.__index = csr

local SPEC = {
  name = "x509.csr",
  prefix = "X509_REQ_",
  new = C.X509_REQ_new,
  free = C.X509_REQ_free,
  pem_read = C.PEM_read_bio_X509_REQ,
  der_read = C.d2i_X509_REQ_bio,
  pem_write = C.PEM_write_bio_X509_REQ,
  der_write = C.i2d_X509_REQ_bio,
}

x509_lib.define(csr, SPEC)
x509_lib.define_pubkey(csr, SPEC)
x509_lib.define_names(csr, { subject_name = { "X509_REQ_get_subject_name", "X509_REQ_set_subject_name" } })

local EXTENSION_REQUEST = 172


local function free_stack(stack)
  for i = 0, C.OPENSSL_sk_num(stack) - 1 do
    C.X509_EXTENSION_free(C.OPENSSL_sk_value(stack, i))
  end
  C.OPENSSL_sk_free(stack)
end


-- A list of extensions as a Lua table.
function csr:get_extensions()
  local list = {}
  local stack = C.X509_REQ_get_extensions(self.ctx)
  if stack == nil then
    C.ERR_clear_error()
    return list
  end
  for i = 0, C.OPENSSL_sk_num(stack) - 1 do
    list[i + 1] = extension.dup(ffi.cast("struct X509_extension_st *", C.OPENSSL_sk_value(stack, i)))
  end
  free_stack(stack)
  return list
end


local function write(self, list)
  local at = C.X509_REQ_get_attr_by_NID(self.ctx, EXTENSION_REQUEST, -1)
  if at >= 0 then
    C.X509_ATTRIBUTE_free(C.X509_REQ_delete_attr(self.ctx, at))
  end
  local stack = C.OPENSSL_sk_new_null()
  for _, object in ipairs(list) do
    C.OPENSSL_sk_push(stack, object.ctx)
  end
  local code = C.X509_REQ_add_extensions(self.ctx, stack)
  C.OPENSSL_sk_free(stack)
  if code ~= 1 then
    return false, format_error("x509.csr:set_extensions", code)
  end
  return true
end


local function find(list, nid)
  for i, object in ipairs(list) do
    if C.OBJ_obj2nid(object:get_object()) == nid then
      return i
    end
  end
end


function csr:get_extension(nid_or_text)
  local nid, err = objects.txtnid2nid(nid_or_text)
  if not nid then
    return nil, nil, err
  end
  local list = self:get_extensions()
  local at = find(list, nid)
  if at then
    return list[at], at
  end
  return nil, nil
end


function csr:add_extension(object)
  if not extension.istype(object) then
    return false, "x509.csr:add_extension: expect a x509.extension instance at #1"
  end
  local list = self:get_extensions()
  list[#list + 1] = object
  return write(self, list)
end


function csr:set_extension(object)
  if not extension.istype(object) then
    return false, "x509.csr:set_extension: expect a x509.extension instance at #1"
  end
  local list = self:get_extensions()
  list[find(list, C.OBJ_obj2nid(object:get_object())) or #list + 1] = object
  return write(self, list)
end


function csr:get_extension_critical(nid_or_text)
  local object, _, err = self:get_extension(nid_or_text)
  if not object then
    return nil, err
  end
  return object:get_extension_critical()
end


function csr:set_extension_critical(nid_or_text, is_critical)
  local object, _, err = self:get_extension(nid_or_text)
  if not object then
    return false, err or "x509.csr:set_extension_critical: extension not found"
  end
  object:set_extension_critical(is_critical)
  return self:set_extension(object)
end


function csr:get_subject_alt_name()
  local object, _, err = self:get_extension("subjectAltName")
  if not object then
    return nil, err
  end
  return object:to_data("subjectAltName")
end


function csr:set_subject_alt_name(names)
  local object, err = extension.from_data(names, "subjectAltName")
  if not object then
    return false, err
  end
  return self:set_extension(object)
end


csr.set_subject_alt = csr.set_subject_alt_name


return csr
