-- Asymmetric keys: loading, making, signing, verifying, encrypting, exchanging.
local ffi = require "ffi"
local digest = require "resty.openssl.digest"
local ecdsa = require "resty.openssl.ecdsa"
local jwk = require "resty.openssl.jwk"
local lib = require "resty.openssl.lib"
local objects = require "resty.openssl.objects"
local pkey_load = require "resty.openssl.pkey_load"
local pkey_params = require "resty.openssl.pkey_params"
local format_error = require("resty.openssl.err").format_error

local C = lib.C
local type = type

local pkey = {
  PADDINGS = {
    RSA_PKCS1_PADDING = 1,
    RSA_SSLV23_PADDING = 2,
    RSA_NO_PADDING = 3,
    RSA_PKCS1_OAEP_PADDING = 4,
    RSA_X931_PADDING = 5,
    RSA_PKCS1_PSS_PADDING = 6,
  },
}
pkey.__index = pkey

for name, value in pairs(pkey.PADDINGS) do
  pkey[name] = value
end

local len, nid = ffi.new("size_t[1]"), ffi.new("int[1]")
local inner = ffi.new("struct evp_pkey_ctx_st *[1]")


local function wrap(ctx)
  local kind = pkey_params.kind(ctx)
  return setmetatable({ ctx = ctx, key_type = C.EVP_PKEY_get_base_id(ctx), kind = kind,
                        key_type_is_ecx = kind ~= "RSA" and kind ~= "EC" and kind ~= "DH" }, pkey)
end


-- A key from text (PEM, DER, JWK), made from a table {type =, ...}, or 2048 bits of RSA without argument.
function pkey.new(source, opts)
  local ctx, err
  if source == nil or type(source) == "table" then
    ctx, err = pkey_load.generate(source or {})
  elseif type(source) == "string" then
    ctx, err = pkey_load.load(source, opts or {})
  elseif type(source) == "cdata" then
    C.EVP_PKEY_up_ref(source)
    ctx = ffi.gc(source, C.EVP_PKEY_free)
  else
    return nil, "pkey.new: unexpected type " .. type(source) .. " at #1"
  end
  if not ctx then
    return nil, err
  end
  return wrap(ctx)
end


-- Takes over a pointer that the caller owns.
function pkey.own(ptr)
  return wrap(ffi.gc(ptr, C.EVP_PKEY_free))
end


function pkey.istype(object)
  return lib.istype(object, pkey)
end


pkey.paramgen = pkey_load.paramgen


function pkey:get_parameters()
  local fields, err = pkey_params.read(self.ctx)
  if fields and fields.group then
    fields.group = objects.txt2nid(fields.group)
  end
  return fields, err
end


-- Replaces the key by one with some of its numbers changed.
function pkey:set_parameters(changes)
  if type(changes) ~= "table" then
    return nil, "pkey:set_parameters: expect a table at #1"
  end
  local fields, err = pkey_params.read(self.ctx)
  if not fields then
    return nil, err
  end
  if changes.x or changes.y then
    fields.public = nil
  end
  for name, value in pairs(changes) do
    fields[name] = value
  end
  local ctx
  ctx, err = pkey_params.build(self.kind, fields)
  if not ctx then
    return nil, err
  end
  self.ctx = ctx
  return true
end


function pkey:is_private()
  return pkey_params.is_private(self.ctx)
end


function pkey:get_key_type(want_nid)
  if want_nid then
    return self.key_type
  end
  return objects.nid2table(self.key_type)
end


function pkey:get_size()
  return C.EVP_PKEY_get_size(self.ctx)
end


function pkey:get_default_digest_type()
  local code = C.EVP_PKEY_get_default_digest_nid(self.ctx, nid)
  if code <= 0 then
    return nil, format_error("pkey:get_default_digest_type", code)
  end
  local object = objects.nid2table(nid[0])
  if object then
    object.mandatory = code == 2
  end
  return object
end


local MD_SETTERS = { mgf1_md = "EVP_PKEY_CTX_set_rsa_mgf1_md", oaep_md = "EVP_PKEY_CTX_set_rsa_oaep_md" }

local function options_of(ctx, self, padding, opts, context)
  if self.kind == "RSA" then
    if padding and C.EVP_PKEY_CTX_set_rsa_padding(ctx, padding) ~= 1 then
      return nil, format_error(context .. ": set padding")
    end
    if opts and opts.pss_saltlen and C.EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, opts.pss_saltlen) ~= 1 then
      return nil, format_error(context .. ": set salt length")
    end
    for option, setter in pairs(MD_SETTERS) do
      if opts and opts[option] then
        local md, err = digest.find(opts[option], context)
        if not md then
          return nil, err
        end
        if C[setter](ctx, md) ~= 1 then
          return nil, format_error(context)
        end
      end
    end
  end
  for _, option in ipairs(opts or {}) do
    local name, value = tostring(option):match("^([^:]+):(.*)$")
    if not name or C.EVP_PKEY_CTX_ctrl_str(ctx, name, value) <= 0 then
      return nil, format_error(context .. ": option " .. tostring(option))
    end
  end
  return true
end


-- A context for signing or verifying; the digest is nil for keys that bring their own.
local function digest_context(self, init, md_alg, padding, opts, context)
  local md
  if not self.key_type_is_ecx then
    local err
    md, err = digest.find(md_alg or "sha256", context)
    if not md then
      return nil, err
    end
  end
  local ctx = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)
  local code = init(ctx, inner, md, nil, self.ctx)
  if code ~= 1 then
    return nil, format_error(context, code)
  end
  local ok, err = options_of(inner[0], self, padding, opts, context)
  if not ok then
    return nil, err
  end
  return ctx
end


local function raw_context(self, init, padding, opts, context)
  local ctx = C.EVP_PKEY_CTX_new(self.ctx, nil)
  if ctx == nil then
    return nil, format_error(context)
  end
  ffi.gc(ctx, C.EVP_PKEY_CTX_free)
  local code = init(ctx)
  if code ~= 1 then
    return nil, format_error(context, code)
  end
  local ok, err = options_of(ctx, self, padding, opts, context)
  if not ok then
    return nil, err
  end
  return ctx
end


-- Calls fn(ctx, out, len, input, size) twice: for the length, then for the output.
local function two_calls(fn, ctx, input, context)
  local code = fn(ctx, nil, len, input, #input)
  if code ~= 1 then
    return nil, format_error(context, code)
  end
  local out = ffi.new("unsigned char[?]", len[0])
  code = fn(ctx, out, len, input, #input)
  if code ~= 1 then
    return nil, format_error(context, code)
  end
  return ffi.string(out, len[0])
end


local function with_signature_md(ctx, md, context)
  if C.EVP_PKEY_CTX_set_signature_md(ctx, md) ~= 1 then
    return nil, format_error(context)
  end
  return ctx
end


-- message: text, or a digest that was fed and not finished.
function pkey:sign(message, md_alg, padding, opts)
  local signature, err, ctx
  if digest.istype(message) then
    ctx, err = raw_context(self, C.EVP_PKEY_sign_init, padding, opts, "pkey:sign")
    ctx = ctx and with_signature_md(ctx, message.algo, "pkey:sign")
    if not ctx then
      return nil, err
    end
    signature, err = two_calls(C.EVP_PKEY_sign, ctx, message:peek(), "pkey:sign")
  elseif type(message) == "string" then
    ctx, err = digest_context(self, C.EVP_DigestSignInit, md_alg, padding, opts, "pkey:sign")
    if not ctx then
      return nil, err
    end
    signature, err = two_calls(C.EVP_DigestSign, ctx, message, "pkey:sign")
  else
    return nil, "pkey:sign: expect a digest instance or a string at #1"
  end
  if signature and self.kind == "EC" and opts and opts.ecdsa_use_raw then
    return ecdsa.to_raw(signature, C.EVP_PKEY_get_bits(self.ctx))
  end
  return signature, err
end


local function verdict(code, context)
  if code == 1 then
    return true, nil
  end
  return false, format_error(context, code)
end


function pkey:verify(signature, message, md_alg, padding, opts)
  if type(signature) ~= "string" then
    return nil, "pkey:verify: expect a string at #1"
  end
  local err, ctx
  if self.kind == "EC" and opts and opts.ecdsa_use_raw then
    signature, err = ecdsa.from_raw(signature, C.EVP_PKEY_get_bits(self.ctx))
    if not signature then
      return nil, err
    end
  end
  if digest.istype(message) then
    ctx, err = raw_context(self, C.EVP_PKEY_verify_init, padding, opts, "pkey:verify")
    ctx = ctx and with_signature_md(ctx, message.algo, "pkey:verify")
    if not ctx then
      return nil, err
    end
    local hash = message:peek()
    return verdict(C.EVP_PKEY_verify(ctx, signature, #signature, hash, #hash), "pkey:verify")
  elseif type(message) == "string" then
    ctx, err = digest_context(self, C.EVP_DigestVerifyInit, md_alg, padding, opts, "pkey:verify")
    if not ctx then
      return nil, err
    end
    return verdict(C.EVP_DigestVerify(ctx, signature, #signature, message, #message), "pkey:verify")
  end
  return nil, "pkey:verify: expect a digest instance or a string at #2"
end


local function raw(init, fn, context)
  return function(self, text, padding, opts)
    if type(text) ~= "string" then
      return nil, context .. ": expect a string at #1"
    end
    local ctx, err = raw_context(self, C[init], padding or self.kind == "RSA" and 1, opts, context)
    if not ctx then
      return nil, err
    end
    return two_calls(C[fn], ctx, text, context)
  end
end


local encrypt = raw("EVP_PKEY_encrypt_init", "EVP_PKEY_encrypt", "pkey:encrypt")
local decrypt = raw("EVP_PKEY_decrypt_init", "EVP_PKEY_decrypt", "pkey:decrypt")
pkey.sign_raw = raw("EVP_PKEY_sign_init", "EVP_PKEY_sign", "pkey:sign_raw")
pkey.verify_recover = raw("EVP_PKEY_verify_recover_init", "EVP_PKEY_verify_recover", "pkey:verify_recover")


function pkey:encrypt(text, padding, opts)
  local out, err = encrypt(self, text, padding, opts)
  return out, err
end


function pkey:decrypt(text, padding, opts)
  local out, err = decrypt(self, text, padding, opts)
  return out, err
end


-- data: hashed already by md_alg.
function pkey:verify_raw(signature, data, md_alg, padding, opts)
  local ctx, err = raw_context(self, C.EVP_PKEY_verify_init, padding or self.kind == "RSA" and 1, opts,
                               "pkey:verify_raw")
  if not ctx then
    return nil, err
  end
  if not self.key_type_is_ecx then
    local md
    md, err = digest.find(md_alg or "sha256", "pkey:verify_raw")
    ctx = md and with_signature_md(ctx, md, "pkey:verify_raw")
    if not ctx then
      return nil, err
    end
  end
  return verdict(C.EVP_PKEY_verify(ctx, signature, #signature, data, #data), "pkey:verify_raw")
end


-- The secret shared with the owner of another key.
function pkey:derive(peer)
  if not pkey.istype(peer) then
    return nil, "pkey:derive: expect a pkey instance at #1"
  end
  local ctx, err = raw_context(self, C.EVP_PKEY_derive_init, nil, nil, "pkey:derive")
  if not ctx then
    return nil, err
  end
  if C.EVP_PKEY_derive_set_peer(ctx, peer.ctx) ~= 1 or C.EVP_PKEY_derive(ctx, nil, len) ~= 1 then
    return nil, format_error("pkey:derive")
  end
  local out = ffi.new("unsigned char[?]", len[0])
  if C.EVP_PKEY_derive(ctx, out, len) ~= 1 then
    return nil, format_error("pkey:derive")
  end
  return ffi.string(out, len[0])
end


local PARTS = { public = "public", PublicKey = "public", private = "private", PrivateKey = "private" }


-- part: "public" (default) or "private"; format: "PEM" (default), "DER" or "JWK".
function pkey:tostring(part, format, is_pkcs1)
  local which = PARTS[part or "public"]
  if not which then
    return nil, "pkey:tostring: can only export private or public key, not " .. tostring(part)
  end
  format = format or "PEM"
  local text
  if format == "JWK" then
    local fields, err = pkey_params.read(self.ctx)
    if not fields then
      return nil, err
    end
    return jwk.dump(self.kind, fields, which == "private")
  elseif format == "PEM" and which == "private" and is_pkcs1 then
    text = lib.written(C.PEM_write_bio_PrivateKey_traditional, self.ctx, nil, nil, 0, nil, nil)
  elseif format == "PEM" and which == "private" then
    text = lib.written(C.PEM_write_bio_PrivateKey, self.ctx, nil, nil, 0, nil, nil)
  elseif format == "PEM" then
    text = lib.written(C.PEM_write_bio_PUBKEY, self.ctx)
  elseif format == "DER" then
    text = lib.written(which == "private" and C.i2d_PrivateKey_bio or C.i2d_PUBKEY_bio, self.ctx)
  else
    return nil, "pkey:tostring: unsupported format " .. tostring(format)
  end
  if not text then
    return nil, format_error("pkey:tostring")
  end
  return text
end


pkey.__tostring = pkey.tostring


function pkey:to_PEM(part, is_pkcs1)
  return self:tostring(part, "PEM", is_pkcs1)
end


return pkey
