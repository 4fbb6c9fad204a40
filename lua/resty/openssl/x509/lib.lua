-- Declarations of libcrypto's X.509 functions, and what certificates, requests and CRLs have in common.
-- Used by resty.openssl.x509.* only.
local ffi = require "ffi"
local digest = require "resty.openssl.digest"
local lib = require "resty.openssl.lib"
local objects = require "resty.openssl.objects"
local format_error = require("resty.openssl.err").format_error

ffi.cdef [[
struct general_name_st { int type; union { void *ptr; struct asn1_string_st *str; struct X509_name_st *name; } d; };

struct X509_name_st *X509_NAME_new(void);
void X509_NAME_free(struct X509_name_st *name);
struct X509_name_st *X509_NAME_dup(const struct X509_name_st *name);
int X509_NAME_entry_count(const struct X509_name_st *name);
struct X509_name_entry_st *X509_NAME_get_entry(const struct X509_name_st *name, int loc);
int X509_NAME_get_index_by_OBJ(const struct X509_name_st *name, const struct asn1_object_st *obj, int lastpos);
int X509_NAME_add_entry_by_OBJ(struct X509_name_st *name, const struct asn1_object_st *obj, int type,
    const unsigned char *bytes, int len, int loc, int set);
struct asn1_object_st *X509_NAME_ENTRY_get_object(const struct X509_name_entry_st *ne);
struct asn1_string_st *X509_NAME_ENTRY_get_data(const struct X509_name_entry_st *ne);

int OPENSSL_sk_num(const void *sk);
void *OPENSSL_sk_value(const void *sk, int i);
void *OPENSSL_sk_new_null(void);
int OPENSSL_sk_push(void *sk, const void *data);
void *OPENSSL_sk_dup(const void *sk);
void OPENSSL_sk_free(void *sk);
void OPENSSL_sk_pop_free(void *sk, void (*func)(void *));
void *X509_chain_up_ref(void *sk);

struct general_name_st *GENERAL_NAME_new(void);
void GENERAL_NAME_free(struct general_name_st *a);
void GENERAL_NAMES_free(void *gens);
struct asn1_string_st *a2i_IPADDRESS(const char *ipasc);

struct X509_extension_st *X509V3_EXT_nconf_nid(void *conf, void *ctx, int ext_nid, const char *value);
struct X509_extension_st *X509V3_EXT_nconf(void *conf, void *ctx, const char *name, const char *value);
void X509V3_set_ctx(void *ctx, void *issuer, void *subject, void *req, void *crl, int flags);
void X509V3_set_nconf(void *ctx, void *conf);
void *NCONF_new(void *meth);
void NCONF_free(void *conf);
int NCONF_load_bio(void *conf, struct bio_st *bp, long *eline);
int X509V3_EXT_print(struct bio_st *out, struct X509_extension_st *ext, unsigned long flag, int indent);
void *X509V3_EXT_d2i(struct X509_extension_st *ext);
struct X509_extension_st *X509V3_EXT_i2d(int ext_nid, int crit, void *ext_struc);
struct X509_extension_st *X509_EXTENSION_create_by_NID(struct X509_extension_st **ex, int nid, int crit,
    struct asn1_string_st *data);
struct X509_extension_st *X509_EXTENSION_dup(const struct X509_extension_st *ex);
void X509_EXTENSION_free(struct X509_extension_st *ex);
struct asn1_object_st *X509_EXTENSION_get_object(struct X509_extension_st *ex);
struct asn1_string_st *X509_EXTENSION_get_data(struct X509_extension_st *ne);
int X509_EXTENSION_get_critical(const struct X509_extension_st *ex);
int X509_EXTENSION_set_critical(struct X509_extension_st *ex, int crit);

struct x509_st *X509_new(void);
void X509_free(struct x509_st *a);
struct x509_st *X509_dup(const struct x509_st *a);
int X509_up_ref(struct x509_st *a);
struct x509_st *PEM_read_bio_X509(struct bio_st *bp, struct x509_st **x, void *cb, void *u);
struct x509_st *d2i_X509_bio(struct bio_st *bp, struct x509_st **x);
int PEM_write_bio_X509(struct bio_st *bp, const struct x509_st *x);
int i2d_X509_bio(struct bio_st *bp, const struct x509_st *x);
int X509_digest(const struct x509_st *d, const struct evp_md_st *type, unsigned char *md, unsigned int *len);
int X509_pubkey_digest(const struct x509_st *d, const struct evp_md_st *type, unsigned char *md, unsigned int *len);
int X509_check_private_key(const struct x509_st *x, const struct evp_pkey_st *k);
struct asn1_string_st *X509_get_serialNumber(struct x509_st *x);
int X509_set_serialNumber(struct x509_st *x, struct asn1_string_st *serial);
struct X509_name_st *X509_get_subject_name(const struct x509_st *a);
struct X509_name_st *X509_get_issuer_name(const struct x509_st *a);
int X509_set_subject_name(struct x509_st *x, const struct X509_name_st *name);
int X509_set_issuer_name(struct x509_st *x, const struct X509_name_st *name);
struct asn1_string_st *X509_get0_notBefore(const struct x509_st *x);
struct asn1_string_st *X509_get0_notAfter(const struct x509_st *x);
int X509_set1_notBefore(struct x509_st *x, const struct asn1_string_st *tm);
int X509_set1_notAfter(struct x509_st *x, const struct asn1_string_st *tm);
long X509_get_version(const struct x509_st *x);
int X509_set_version(struct x509_st *x, long version);
struct evp_pkey_st *X509_get_pubkey(struct x509_st *x);
int X509_set_pubkey(struct x509_st *x, struct evp_pkey_st *pkey);
int X509_sign(struct x509_st *x, struct evp_pkey_st *pkey, const struct evp_md_st *md);
int X509_verify(struct x509_st *a, struct evp_pkey_st *r);
int X509_get_signature_nid(const struct x509_st *x);
int X509_get_ext_by_NID(const struct x509_st *x, int nid, int lastpos);
struct X509_extension_st *X509_get_ext(const struct x509_st *x, int loc);
struct X509_extension_st *X509_delete_ext(struct x509_st *x, int loc);
int X509_add_ext(struct x509_st *x, struct X509_extension_st *ex, int loc);
void *X509_get1_ocsp(struct x509_st *x);
void X509_email_free(void *sk);

struct X509_req_st *X509_REQ_new(void);
void X509_REQ_free(struct X509_req_st *a);
struct X509_req_st *PEM_read_bio_X509_REQ(struct bio_st *bp, struct X509_req_st **x, void *cb, void *u);
struct X509_req_st *d2i_X509_REQ_bio(struct bio_st *bp, struct X509_req_st **x);
int PEM_write_bio_X509_REQ(struct bio_st *bp, const struct X509_req_st *x);
int i2d_X509_REQ_bio(struct bio_st *bp, const struct X509_req_st *x);
struct X509_name_st *X509_REQ_get_subject_name(const struct X509_req_st *req);
int X509_REQ_set_subject_name(struct X509_req_st *req, const struct X509_name_st *name);
long X509_REQ_get_version(const struct X509_req_st *req);
int X509_REQ_set_version(struct X509_req_st *x, long version);
struct evp_pkey_st *X509_REQ_get_pubkey(struct X509_req_st *req);
int X509_REQ_set_pubkey(struct X509_req_st *x, struct evp_pkey_st *pkey);
int X509_REQ_check_private_key(struct X509_req_st *x509, struct evp_pkey_st *pkey);
int X509_REQ_sign(struct X509_req_st *x, struct evp_pkey_st *pkey, const struct evp_md_st *md);
int X509_REQ_verify(struct X509_req_st *a, struct evp_pkey_st *r);
int X509_REQ_get_signature_nid(const struct X509_req_st *req);
void *X509_REQ_get_extensions(struct X509_req_st *req);
int X509_REQ_add_extensions(struct X509_req_st *req, const void *exts);
int X509_REQ_get_attr_by_NID(const struct X509_req_st *req, int nid, int lastpos);
void *X509_REQ_delete_attr(struct X509_req_st *req, int loc);
void X509_ATTRIBUTE_free(void *attr);

struct X509_crl_st *X509_CRL_new(void);
void X509_CRL_free(struct X509_crl_st *a);
struct X509_crl_st *X509_CRL_dup(const struct X509_crl_st *a);
struct X509_crl_st *PEM_read_bio_X509_CRL(struct bio_st *bp, struct X509_crl_st **x, void *cb, void *u);
struct X509_crl_st *d2i_X509_CRL_bio(struct bio_st *bp, struct X509_crl_st **x);
int PEM_write_bio_X509_CRL(struct bio_st *bp, const struct X509_crl_st *x);
int i2d_X509_CRL_bio(struct bio_st *bp, const struct X509_crl_st *x);
int X509_CRL_print(struct bio_st *bp, struct X509_crl_st *x);
struct X509_name_st *X509_CRL_get_issuer(const struct X509_crl_st *crl);
int X509_CRL_set_issuer_name(struct X509_crl_st *x, const struct X509_name_st *name);
const struct asn1_string_st *X509_CRL_get0_lastUpdate(const struct X509_crl_st *crl);
const struct asn1_string_st *X509_CRL_get0_nextUpdate(const struct X509_crl_st *crl);
int X509_CRL_set1_lastUpdate(struct X509_crl_st *x, const struct asn1_string_st *tm);
int X509_CRL_set1_nextUpdate(struct X509_crl_st *x, const struct asn1_string_st *tm);
long X509_CRL_get_version(const struct X509_crl_st *crl);
int X509_CRL_set_version(struct X509_crl_st *x, long version);
int X509_CRL_sign(struct X509_crl_st *x, struct evp_pkey_st *pkey, const struct evp_md_st *md);
int X509_CRL_verify(struct X509_crl_st *a, struct evp_pkey_st *r);
int X509_CRL_sort(struct X509_crl_st *crl);
int X509_CRL_get_signature_nid(const struct X509_crl_st *crl);
int X509_CRL_get_ext_by_NID(const struct X509_crl_st *x, int nid, int lastpos);
struct X509_extension_st *X509_CRL_get_ext(const struct X509_crl_st *x, int loc);
struct X509_extension_st *X509_CRL_delete_ext(struct X509_crl_st *x, int loc);
int X509_CRL_add_ext(struct X509_crl_st *x, struct X509_extension_st *ex, int loc);
int X509_CRL_get0_by_serial(struct X509_crl_st *crl, struct x509_revoked_st **ret, const struct asn1_string_st *serial);
void *X509_CRL_get_REVOKED(struct X509_crl_st *crl);
int X509_CRL_add0_revoked(struct X509_crl_st *crl, struct x509_revoked_st *rev);
struct x509_revoked_st *X509_REVOKED_new(void);
void X509_REVOKED_free(struct x509_revoked_st *a);
struct x509_revoked_st *X509_REVOKED_dup(const struct x509_revoked_st *a);
const struct asn1_string_st *X509_REVOKED_get0_serialNumber(const struct x509_revoked_st *x);
const struct asn1_string_st *X509_REVOKED_get0_revocationDate(const struct x509_revoked_st *x);
int X509_REVOKED_set_serialNumber(struct x509_revoked_st *x, struct asn1_string_st *serial);
int X509_REVOKED_set_revocationDate(struct x509_revoked_st *r, struct asn1_string_st *tm);

struct x509_store_st *X509_STORE_new(void);
void X509_STORE_free(struct x509_store_st *v);
int X509_STORE_add_cert(struct x509_store_st *ctx, struct x509_st *x);
int X509_STORE_add_crl(struct x509_store_st *ctx, struct X509_crl_st *x);
int X509_STORE_load_locations(struct x509_store_st *ctx, const char *file, const char *dir);
int X509_STORE_set_default_paths(struct x509_store_st *ctx);
int X509_STORE_set_flags(struct x509_store_st *ctx, unsigned long flags);
int X509_STORE_set_depth(struct x509_store_st *store, int depth);
int X509_STORE_set_purpose(struct x509_store_st *ctx, int purpose);
struct x509_store_ctx_st *X509_STORE_CTX_new(void);
void X509_STORE_CTX_free(struct x509_store_ctx_st *ctx);
int X509_STORE_CTX_init(struct x509_store_ctx_st *ctx, struct x509_store_st *store, struct x509_st *x509, void *chain);
int X509_STORE_CTX_set_default(struct x509_store_ctx_st *ctx, const char *name);
void X509_STORE_CTX_set_flags(struct x509_store_ctx_st *ctx, unsigned long flags);
int X509_STORE_CTX_get_error(const struct x509_store_ctx_st *ctx);
void *X509_STORE_CTX_get1_chain(const struct x509_store_ctx_st *ctx);
int X509_verify_cert(struct x509_store_ctx_st *ctx);
const char *X509_verify_cert_error_string(long n);
int X509_PURPOSE_get_by_sname(const char *sname);
void *X509_PURPOSE_get0(int idx);
int X509_PURPOSE_get_id(const void *xp);
]]

local C = lib.C

local x509_lib = {}


-- Puts what certificates, requests and CRLs share into their class.
-- spec: {prefix = "X509_", name = "x509", free =, pem_read =, der_read =, pem_write =, der_write =, new =}
function x509_lib.define(class, spec)
  local name = spec.name

  function class.new(text, format)
    local ctx
    if text == nil then
      ctx = spec.new()
      if ctx == nil then
        return nil, format_error(name .. ".new")
      end
      ffi.gc(ctx, spec.free)
    elseif type(text) ~= "string" then
      return nil, name .. ".new: expect nil or a string at #1"
    else
      format = format or "*"
      C.ERR_clear_error()
      if format == "PEM" or format == "*" then
        ctx = lib.read(text, spec.free, spec.pem_read, nil, nil, ffi.cast("void *", ""))
      end
      if not ctx and (format == "DER" or format == "*" and not text:find("-----BEGIN", 1, true)) then
        ctx = lib.read(text, spec.free, spec.der_read, nil)
      end
      if not ctx then
        return nil, format_error(name .. ".new")
      end
      C.ERR_clear_error()
    end
    return setmetatable({ ctx = ctx }, class)
  end

  function class.istype(object)
    return lib.istype(object, class)
  end

  function class:tostring(format)
    format = format or "PEM"
    if format ~= "PEM" and format ~= "DER" then
      return nil, name .. ":tostring: can only write PEM or DER format, not " .. tostring(format)
    end
    local text = lib.written(format == "PEM" and spec.pem_write or spec.der_write, self.ctx)
    if not text then
      return nil, format_error(name .. ":tostring")
    end
    return text
  end

  class.__tostring = class.tostring

  function class:to_PEM()
    return self:tostring("PEM")
  end

  x509_lib.define_signature(class, spec)
  x509_lib.define_version(class, spec)
end


function x509_lib.define_version(class, spec)
  local get, set = C[spec.prefix .. "get_version"], C[spec.prefix .. "set_version"]

  -- Versions count from one here, and from zero in the certificate.
  function class:get_version()
    return tonumber(get(self.ctx)) + 1
  end

  function class:set_version(version)
    if type(version) ~= "number" then
      return false, spec.name .. ":set_version: expect a number at #1"
    end
    if set(self.ctx, version - 1) ~= 1 then
      return false, format_error(spec.name .. ":set_version")
    end
    return true
  end
end


function x509_lib.define_signature(class, spec)
  local name = spec.name
  local sign, verify = C[spec.prefix .. "sign"], C[spec.prefix .. "verify"]
  local signature_nid = C[spec.prefix .. "get_signature_nid"]

  function class:sign(key, md)
    local algo
    if md then
      algo = digest.istype(md) and md.algo or digest.find(md, name .. ":sign")
    elseif not key.key_type_is_ecx then
      local default = key:get_default_digest_type()
      algo = digest.find(default and default.sn or "sha256", name .. ":sign")
    end
    if sign(self.ctx, key.ctx, algo) <= 0 then
      return false, format_error(name .. ":sign")
    end
    return true
  end

  function class:verify(key)
    local code = verify(self.ctx, key.ctx)
    if code == 1 then
      return true
    elseif code == 0 then
      C.ERR_clear_error()
      return false
    end
    return false, format_error(name .. ":verify", code)
  end

  function class:get_signature_nid()
    local nid = signature_nid(self.ctx)
    if nid <= 0 then
      return nil, format_error(name .. ":get_signature_nid")
    end
    return nid
  end

  function class:get_signature_name()
    local nid, err = self:get_signature_nid()
    if not nid then
      return nil, err
    end
    return ffi.string(C.OBJ_nid2sn(nid))
  end

  function class:get_signature_digest_name()
    local nid, err = self:get_signature_nid()
    if not nid then
      return nil, err
    end
    local dig = objects.find_sigid_algs(nid)
    if not dig then
      return nil, name .. ":get_signature_digest_name: unknown signature algorithm"
    end
    return ffi.string(C.OBJ_nid2sn(dig))
  end
end


-- Extensions of certificates and CRLs; requests keep theirs in an attribute.
function x509_lib.define_extensions(class, spec)
  local extension = require "resty.openssl.x509.extension"
  local name = spec.name
  local find, get = C[spec.prefix .. "get_ext_by_NID"], C[spec.prefix .. "get_ext"]
  local delete, add = C[spec.prefix .. "delete_ext"], C[spec.prefix .. "add_ext"]

  local function locate(self, nid_or_text, last)
    local nid, err = objects.txtnid2nid(nid_or_text)
    if not nid then
      return nil, err
    end
    local at = find(self.ctx, nid, last and last - 1 or -1)
    return at >= 0 and at or nil
  end

  function class:get_extension(nid_or_text, last)
    local at, err = locate(self, nid_or_text, last)
    if not at then
      return nil, nil, err
    end
    local object
    object, err = extension.dup(get(self.ctx, at))
    return object, at + 1, err
  end

  function class:add_extension(object)
    if not extension.istype(object) then
      return false, name .. ":add_extension: expect a x509.extension instance at #1"
    end
    if add(self.ctx, object.ctx, -1) ~= 1 then
      return false, format_error(name .. ":add_extension")
    end
    return true
  end

  function class:set_extension(object, last)
    if not extension.istype(object) then
      return false, name .. ":set_extension: expect a x509.extension instance at #1"
    end
    local at = locate(self, C.OBJ_obj2nid(object:get_object()), last)
    if at then
      C.X509_EXTENSION_free(delete(self.ctx, at))
    elseif last then
      return nil, nil
    end
    if add(self.ctx, object.ctx, at or -1) ~= 1 then
      return false, format_error(name .. ":set_extension")
    end
    return true
  end

  function class:get_extension_critical(nid_or_text)
    local at, err = locate(self, nid_or_text)
    if not at then
      return nil, err
    end
    return C.X509_EXTENSION_get_critical(get(self.ctx, at)) == 1
  end

  function class:set_extension_critical(nid_or_text, is_critical)
    local at, err = locate(self, nid_or_text)
    if not at then
      return false, err or name .. ":set_extension_critical: extension not found"
    end
    return C.X509_EXTENSION_set_critical(get(self.ctx, at), is_critical and 1 or 0) == 1
  end
end


-- Getters and setters for names and times: {attribute = {getter, setter}}.
function x509_lib.define_names(class, names)
  local name = require "resty.openssl.x509.name"
  for attribute, functions in pairs(names) do
    local get, set = C[functions[1]], functions[2] and C[functions[2]]
    class["get_" .. attribute] = function(self)
      local ptr = get(self.ctx)
      if ptr == nil then
        return nil, nil
      end
      return name.dup(ptr)
    end
    class["set_" .. attribute] = function(self, value)
      if not name.istype(value) then
        return false, "set_" .. attribute .. ": expect a x509.name instance at #1"
      end
      if set(self.ctx, value.ctx) ~= 1 then
        return false, format_error("set_" .. attribute)
      end
      return true
    end
  end
end


function x509_lib.define_times(class, times)
  local asn1 = require "resty.openssl.asn1"
  for attribute, functions in pairs(times) do
    local get, set = C[functions[1]], C[functions[2]]
    class["get_" .. attribute] = function(self)
      return asn1.asn1_to_unix(get(self.ctx))
    end
    class["set_" .. attribute] = function(self, seconds)
      if type(seconds) ~= "number" then
        return false, "set_" .. attribute .. ": expect a number at #1"
      end
      local time, err = asn1.unix_to_asn1(seconds)
      if not time then
        return false, err
      end
      if set(self.ctx, time) ~= 1 then
        return false, format_error("set_" .. attribute)
      end
      return true
    end
  end
end


-- Public keys of certificates and requests.
function x509_lib.define_pubkey(class, spec)
  local pkey = require "resty.openssl.pkey"
  local get, set = C[spec.prefix .. "get_pubkey"], C[spec.prefix .. "set_pubkey"]
  local check = C[spec.prefix .. "check_private_key"]

  function class:get_pubkey()
    local ptr = get(self.ctx)
    if ptr == nil then
      return nil, format_error(spec.name .. ":get_pubkey")
    end
    return pkey.own(ptr)
  end

  function class:set_pubkey(key)
    if not pkey.istype(key) then
      return false, spec.name .. ":set_pubkey: expect a pkey instance at #1"
    end
    if set(self.ctx, key.ctx) ~= 1 then
      return false, format_error(spec.name .. ":set_pubkey")
    end
    return true
  end

  function class:check_private_key(key)
    if not pkey.istype(key) then
      return false, spec.name .. ":check_private_key: except a pkey instance at #1"
    end
    if not key:is_private() then
      return false, spec.name .. ":check_private_key: not a private key"
    end
    if check(self.ctx, key.ctx) == 1 then
      return true
    end
    return false, format_error(spec.name .. ":check_private_key")
  end
end


-- A Lua view of a STACK_OF: count(), index(i), each(), all(), and # and ipairs where Lua 5.2 rules apply.
-- item(ptr): what an element looks like to the caller.
function x509_lib.define_stack(class, stack_of, item)
  function class:count()
    return math.max(0, C.OPENSSL_sk_num(stack_of(self)))
  end

  function class:index(i)
    if type(i) ~= "number" or i < 1 or i > self:count() then
      return nil
    end
    return item(C.OPENSSL_sk_value(stack_of(self), i - 1))
  end

  function class:all()
    local list = {}
    for i = 1, self:count() do
      list[i] = self:index(i)
    end
    return list
  end

  function class:each()
    local i = 0
    return function()
      i = i + 1
      return self:index(i)
    end
  end

  class.__len = class.count
  class.__index = function(self, key)
    if type(key) == "number" then
      return class.index(self, key)
    end
    return class[key]
  end
  class.__ipairs = function(self)
    return function(_, i)
      local value = self:index(i + 1)
      if value ~= nil then
        return i + 1, value
      end
    end, self, 0
  end
  class.__pairs = class.__ipairs
end


return x509_lib
