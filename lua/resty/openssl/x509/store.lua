-- Stores of trusted certificates, and verification against them.
local ffi = require "ffi"
require "resty.openssl.x509.lib"
local chain_class = require "resty.openssl.x509.chain"
local crl = require "resty.openssl.x509.crl"
local lib = require "resty.openssl.lib"
local x509 = require "resty.openssl.x509"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local store = {
  verify_flags = {
    X509_V_FLAG_CB_ISSUER_CHECK = 0x0,
    X509_V_FLAG_USE_CHECK_TIME = 0x2,
    X509_V_FLAG_CRL_CHECK = 0x4,
    X509_V_FLAG_CRL_CHECK_ALL = 0x8,
    X509_V_FLAG_IGNORE_CRITICAL = 0x10,
    X509_V_FLAG_X509_STRICT = 0x20,
    X509_V_FLAG_ALLOW_PROXY_CERTS = 0x40,
    X509_V_FLAG_POLICY_CHECK = 0x80,
    X509_V_FLAG_EXPLICIT_POLICY = 0x100,
    X509_V_FLAG_INHIBIT_ANY = 0x200,
    X509_V_FLAG_INHIBIT_MAP = 0x400,
    X509_V_FLAG_NOTIFY_POLICY = 0x800,
    X509_V_FLAG_EXTENDED_CRL_SUPPORT = 0x1000,
    X509_V_FLAG_USE_DELTAS = 0x2000,
    X509_V_FLAG_CHECK_SS_SIGNATURE = 0x4000,
    X509_V_FLAG_TRUSTED_FIRST = 0x8000,
    X509_V_FLAG_SUITEB_128_LOS_ONLY = 0x10000,
    X509_V_FLAG_SUITEB_192_LOS = 0x20000,
    X509_V_FLAG_SUITEB_128_LOS = 0x30000,
    X509_V_FLAG_PARTIAL_CHAIN = 0x80000,
    X509_V_FLAG_NO_ALT_CHAINS = 0x100000,
    X509_V_FLAG_NO_CHECK_TIME = 0x200000,
  },
}
store.__index = store


function store.new()
  local ctx = C.X509_STORE_new()
  if ctx == nil then
    return nil, "x509.store.new: X509_STORE_new() failed"
  end
  return setmetatable({ ctx = ffi.gc(ctx, C.X509_STORE_free), _elem_refs = {} }, store)
end


function store.istype(object)
  return lib.istype(object, store)
end


local function result(code, context)
  if code ~= 1 then
    return false, format_error(context, code)
  end
  return true
end


function store:use_default()
  return result(C.X509_STORE_set_default_paths(self.ctx), "x509.store:use_default")
end


function store:add(item, skip_flags)
  if x509.istype(item) then
    return result(C.X509_STORE_add_cert(self.ctx, item.ctx), "x509.store:add")
  elseif crl.istype(item) then
    local ok, err = result(C.X509_STORE_add_crl(self.ctx, item.ctx), "x509.store:add")
    if ok and not skip_flags then
      C.X509_STORE_set_flags(self.ctx, store.verify_flags.X509_V_FLAG_CRL_CHECK)
    end
    return ok, err
  end
  return false, "x509.store:add: expect an x509 or crl instance at #1"
end


function store:load_file(path)
  if type(path) ~= "string" then
    return false, "x509.store:load_file: expect a string at #1"
  end
  return result(C.X509_STORE_load_locations(self.ctx, path, nil), "x509.store:load_file")
end


function store:load_directory(path)
  if type(path) ~= "string" then
    return false, "x509.store:load_directory expect a string at #1"
  end
  return result(C.X509_STORE_load_locations(self.ctx, nil, path), "x509.store:load_directory")
end


function store:set_depth(depth)
  return result(C.X509_STORE_set_depth(self.ctx, depth), "x509.store:set_depth")
end


function store:set_purpose(name)
  local index = C.X509_PURPOSE_get_by_sname(name)
  if index < 0 then
    C.ERR_clear_error()
    return false, "invalid purpose \"" .. tostring(name) .. "\""
  end
  local id = C.X509_PURPOSE_get_id(C.X509_PURPOSE_get0(index))
  return result(C.X509_STORE_set_purpose(self.ctx, id), "x509.store:set_purpose")
end


function store:set_flags(...)
  local flags = 0
  for i = 1, select("#", ...) do
    flags = flags + select(i, ...)
  end
  return result(C.X509_STORE_set_flags(self.ctx, flags), "x509.store:set_flags")
end


-- true, or the verified chain with want_chain; nil and an error when it does not verify.
function store:verify(certificate, chain, want_chain, _, method, flags)
  if not x509.istype(certificate) then
    return nil, "x509.store:verify: expect a x509 instance at #1"
  elseif chain and not chain_class.istype(chain) then
    return nil, "x509.store:verify: expect a x509.chain instance at #2"
  end
  local ctx = ffi.gc(C.X509_STORE_CTX_new(), C.X509_STORE_CTX_free)
  if C.X509_STORE_CTX_init(ctx, self.ctx, certificate.ctx, chain and chain.ctx) ~= 1 then
    return nil, format_error("x509.store:verify: X509_STORE_CTX_init")
  end
  if method and C.X509_STORE_CTX_set_default(ctx, method) ~= 1 then
    return nil, "x509.store:verify: invalid verify_method \"" .. method .. "\""
  end
  if flags then
    C.X509_STORE_CTX_set_flags(ctx, flags)
  end
  local code = C.X509_verify_cert(ctx)
  if code == 1 then
    if want_chain then
      return chain_class.own(C.X509_STORE_CTX_get1_chain(ctx))
    end
    return true, nil
  end
  C.ERR_clear_error()
  return nil, ffi.string(C.X509_verify_cert_error_string(C.X509_STORE_CTX_get_error(ctx)))
end


-- chain: the certificate first, then its issuer.
function store:check_revocation(chain)
  if not chain_class.istype(chain) then
    return nil, "x509.store:check_revocation: expect a x509.chain instance at #1"
  end
  local flags = store.verify_flags
  return self:verify(chain:index(1), chain, false, nil, nil, flags.X509_V_FLAG_CRL_CHECK)
end


return store
