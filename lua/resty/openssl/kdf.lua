-- Key derivation: new(name):derive(length, options), and the older derive({type = kdf.PBKDF2, ...}).
local ffi = require "ffi"
local lib = require "resty.openssl.lib"
local params = require "resty.openssl.params"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local kdf = {
  PBKDF2 = -1,
  SCRYPT = 973,
  TLS1_PRF = 1021,
  HKDF = 1036,

  HKDEF_MODE_EXTRACT_AND_EXPAND = 0,
  HKDEF_MODE_EXTRACT_ONLY = 1,
  HKDEF_MODE_EXPAND_ONLY = 2,
}
kdf.__index = kdf


function kdf.new(name, properties)
  if type(name) ~= "string" then
    return nil, "kdf.new: expect a string at #1"
  end
  local algo = C.EVP_KDF_fetch(nil, name, properties)
  if algo == nil then
    return nil, format_error(("kdf.new: invalid kdf type \"%s\""):format(name))
  end
  ffi.gc(algo, C.EVP_KDF_free)
  local ctx = C.EVP_KDF_CTX_new(algo)
  if ctx == nil then
    return nil, "kdf.new: failed to create EVP_KDF_CTX"
  end
  return setmetatable({
    ctx = ffi.gc(ctx, C.EVP_KDF_CTX_free),
    algo = algo,
    kinds = params.kinds(C.EVP_KDF_settable_ctx_params(algo)),
  }, kdf)
end


function kdf.istype(object)
  return lib.istype(object, kdf)
end


-- Options as parameters of the kinds that the algorithm takes.
local function build(self, options)
  local list = {}
  for name, value in pairs(options or {}) do
    local kind = self.kinds[name]
    if not kind then
      return nil, nil, "kdf: unknown parameter \"" .. tostring(name) .. "\""
    end
    if type(value) == "string" and kind ~= params.OCTETS then
      kind = params.UTF8
    end
    list[#list + 1] = { name, kind, value }
  end
  return params.build(list)
end


function kdf:set_params(options)
  local array, keep, err = build(self, options)
  if not array then
    return nil, err
  end
  local code = C.EVP_KDF_CTX_set_params(self.ctx, array)
  self.keep = keep
  if code ~= 1 then
    return nil, format_error("kdf:set_params", code)
  end
  return true
end


-- length: nil for algorithms whose output has a fixed length.
function kdf:derive(length, options)
  local array, keep, err = build(self, options)
  if not array then
    return nil, err
  end
  if not length then
    local code = C.EVP_KDF_CTX_set_params(self.ctx, array)
    if code ~= 1 then
      return nil, format_error("kdf:derive", code)
    end
    length = tonumber(C.EVP_KDF_CTX_get_kdf_size(self.ctx))
  end
  local buf = ffi.new("unsigned char[?]", length)
  local code = C.EVP_KDF_derive(self.ctx, buf, length, array)
  self.keep = keep
  if code ~= 1 then
    return nil, format_error("kdf:derive", code)
  end
  return ffi.string(buf, length)
end


function kdf:reset()
  C.EVP_KDF_CTX_reset(self.ctx)
  return true
end


local legacy = {}


legacy[kdf.PBKDF2] = function(o)
  return "PBKDF2", {
    pass = o.pass or "", salt = o.salt or "", digest = o.md or "sha1", iter = math.max(1, o.pbkdf2_iter or 1),
  }
end


legacy[kdf.SCRYPT] = function(o)
  return "SCRYPT", {
    pass = o.pass or "", salt = o.salt or "", n = o.scrypt_N, r = o.scrypt_r, p = o.scrypt_p,
    maxmem_bytes = o.scrypt_maxmem or 32 * 1024 * 1024,
  }
end


legacy[kdf.TLS1_PRF] = function(o)
  return "TLS1-PRF", { digest = o.md or "sha1", secret = o.tls1_prf_secret, seed = o.tls1_prf_seed }
end


legacy[kdf.HKDF] = function(o)
  local mode = o.hkdf_mode or kdf.HKDEF_MODE_EXTRACT_AND_EXPAND
  return "HKDF", {
    digest = o.md or "sha1", key = o.hkdf_key, salt = o.salt, info = o.hkdf_info, mode = mode,
  }, mode == kdf.HKDEF_MODE_EXTRACT_ONLY
end


local derive_object = kdf.derive


-- As a function: kdf.derive({type =, outlen =, ...}); as a method: see above.
function kdf.derive(self, length, options)
  if kdf.istype(self) then
    return derive_object(self, length, options)
  end
  if type(self) ~= "table" or not legacy[self.type] then
    return nil, "kdf.derive: unknown type " .. tostring(type(self) == "table" and self.type)
  end
  if not self.outlen then
    return nil, "kdf.derive: required parameter \"outlen\" is not set"
  end
  local name, given, is_fixed = legacy[self.type](self)
  local object, err = kdf.new(name, self.properties)
  if not object then
    return nil, err
  end
  return derive_object(object, not is_fixed and self.outlen or nil, given)
end


return kdf
