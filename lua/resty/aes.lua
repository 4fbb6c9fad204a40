-- require "resty.aes": AES by way of libcrypto's EVP functions, keys derived with EVP_BytesToKey unless given whole.
local ffi = require "ffi"
require "ngx.digest"

local C = ffi.C
local ffi_new = ffi.new
local ffi_string = ffi.string
local tonumber = tonumber
local type = type

ffi.cdef [[
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
const EVP_CIPHER *EVP_get_cipherbyname(const char *name);
EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *ctx);
int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *ctx, int type, int arg, void *ptr);
int EVP_CIPHER_CTX_set_padding(EVP_CIPHER_CTX *ctx, int pad);
int EVP_EncryptInit_ex(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, ENGINE *impl, const unsigned char *key, const unsigned char *iv);
int EVP_EncryptUpdate(EVP_CIPHER_CTX *ctx, unsigned char *out, int *outl, const unsigned char *in, int inl);
int EVP_EncryptFinal_ex(EVP_CIPHER_CTX *ctx, unsigned char *out, int *outl);
int EVP_DecryptInit_ex(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, ENGINE *impl, const unsigned char *key, const unsigned char *iv);
int EVP_DecryptUpdate(EVP_CIPHER_CTX *ctx, unsigned char *out, int *outl, const unsigned char *in, int inl);
int EVP_DecryptFinal_ex(EVP_CIPHER_CTX *ctx, unsigned char *outm, int *outl);
int EVP_BytesToKey(const EVP_CIPHER *type, const EVP_MD *md, const unsigned char *salt, const unsigned char *data, int datal, int count,
                   unsigned char *key, unsigned char *iv);
]]

local SET_IV_LEN, GET_TAG, SET_TAG = 0x9, 0x10, 0x11
local TAG_LEN, BLOCK = 16, 16

local Aes = { _VERSION = "0.16" }
Aes.__index = Aes

local hash = {}
for _, name in ipairs { "md5", "sha1", "sha224", "sha256", "sha384", "sha512" } do
  hash[name] = C.EVP_get_digestbyname(name)
end
Aes.hash = hash


-- {size, cipher, method} of AES with keys of that many bits; nil when there is no such cipher.
function Aes.cipher(size, mode)
  size, mode = size or 128, mode or "cbc"
  local method = C.EVP_get_cipherbyname("aes-" .. size .. "-" .. mode)
  if method == nil then
    return nil
  end
  return { size = size, cipher = mode, method = method }
end


-- Key and initialisation vector from what the caller gave; nil, err when they do not fit.
local function derive(cipher, key, salt, digest, rounds, iv_len)
  local key_out, iv_out = ffi_new("unsigned char[32]"), ffi_new("unsigned char[32]")
  local key_len = cipher.size / 8
  if type(digest) == "table" then
    if not digest.iv then
      return nil, "iv is needed"
    end
    if digest.method then
      key = digest.method(key)
    elseif #key ~= key_len then
      return nil, "bad key length"
    end
    if #key ~= key_len then
      return nil, "bad key length"
    end
    if #digest.iv > 32 or #digest.iv < iv_len then
      return nil, "bad iv length"
    end
    ffi.copy(key_out, key, key_len)
    ffi.copy(iv_out, digest.iv, #digest.iv)
    return key_out, iv_out
  end
  if salt and #salt ~= 8 then
    return nil, "salt must be 8 characters or nil"
  end
  if C.EVP_BytesToKey(cipher.method, digest, salt, key, #key, rounds, key_out, iv_out) ~= key_len then
    return nil, "failed to generate key and iv"
  end
  return key_out, iv_out
end


-- hash_or_iv: a digest of Aes.hash, or {iv = text, method = fn or nil} to give the key itself.
function Aes.new(_, key, salt, cipher, hash_or_iv, rounds, iv_len, enable_padding)
  cipher = cipher or Aes.cipher()
  if type(cipher) ~= "table" then
    return nil, "bad cipher"
  end
  local key_bytes, iv_bytes = derive(cipher, key, salt, hash_or_iv or hash.md5, rounds or 1, iv_len or 0)
  if not key_bytes then
    return nil, iv_bytes
  end
  local self = {
    method = cipher.method,
    mode = cipher.cipher,
    key = key_bytes,
    iv = iv_bytes,
    iv_len = iv_len or type(hash_or_iv) == "table" and #hash_or_iv.iv or nil,
    padding = enable_padding ~= false,
    ctx = ffi.gc(C.EVP_CIPHER_CTX_new(), C.EVP_CIPHER_CTX_free),
  }
  return setmetatable(self, Aes)
end


local function is_aead(self)
  return self.mode == "gcm"
end


-- Sets the cipher, then, for GCM, the length of the vector, then key and vector.
local function start(self, init)
  local ctx = self.ctx
  if type(ctx) ~= "cdata" then
    error("bad 'self' argument: cipher object expected", 3)
  end
  if init(ctx, self.method, nil, nil, nil) ~= 1 then
    return nil
  end
  if is_aead(self) and self.iv_len and C.EVP_CIPHER_CTX_ctrl(ctx, SET_IV_LEN, self.iv_len, nil) ~= 1 then
    return nil
  end
  if init(ctx, nil, nil, self.key, self.iv) ~= 1 then
    return nil
  end
  if not self.padding then
    C.EVP_CIPHER_CTX_set_padding(ctx, 0)
  end
  return true
end


-- The cipher text; of GCM a list of it and the tag.
function Aes:encrypt(text, aad)
  local out, len, rest = ffi_new("unsigned char[?]", #text + 2 * BLOCK), ffi_new("int[1]"), ffi_new("int[1]")
  if not start(self, C.EVP_EncryptInit_ex) then
    return nil, "EVP_EncryptInit_ex failed"
  end
  if aad and C.EVP_EncryptUpdate(self.ctx, nil, len, aad, #aad) ~= 1 then
    return nil, "C.EVP_EncryptUpdate failed"
  end
  if C.EVP_EncryptUpdate(self.ctx, out, len, text, #text) ~= 1 then
    return nil, "EVP_EncryptUpdate failed"
  end
  if C.EVP_EncryptFinal_ex(self.ctx, out + len[0], rest) ~= 1 then
    return nil, "EVP_EncryptFinal_ex failed"
  end
  local result = ffi_string(out, len[0] + rest[0])
  if not is_aead(self) then
    return result
  end
  local tag = ffi_new("unsigned char[?]", TAG_LEN)
  if C.EVP_CIPHER_CTX_ctrl(self.ctx, GET_TAG, TAG_LEN, tag) ~= 1 then
    return nil, "EVP_CIPHER_CTX_ctrl failed"
  end
  return { result, ffi_string(tag, TAG_LEN) }
end


function Aes:decrypt(text, tag, aad)
  local out, len, rest = ffi_new("unsigned char[?]", #text + 2 * BLOCK), ffi_new("int[1]"), ffi_new("int[1]")
  if not start(self, C.EVP_DecryptInit_ex) then
    return nil, "EVP_DecryptInit_ex failed"
  end
  if aad and C.EVP_DecryptUpdate(self.ctx, nil, len, aad, #aad) ~= 1 then
    return nil, "EVP_DecryptUpdate failed"
  end
  if C.EVP_DecryptUpdate(self.ctx, out, len, text, #text) ~= 1 then
    return nil, "EVP_DecryptUpdate failed"
  end
  if is_aead(self) then
    if not tag then
      return nil, "missing tag"
    end
    local bytes = ffi_new("unsigned char[?]", #tag)
    ffi.copy(bytes, tag, #tag)
    if C.EVP_CIPHER_CTX_ctrl(self.ctx, SET_TAG, #tag, bytes) ~= 1 then
      return nil, "EVP_CIPHER_CTX_ctrl failed"
    end
  end
  if C.EVP_DecryptFinal_ex(self.ctx, out + len[0], rest) ~= 1 then
    return nil, "EVP_DecryptFinal_ex failed"
  end
  return ffi_string(out, len[0] + tonumber(rest[0]))
end


return Aes
