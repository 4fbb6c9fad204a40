-- Symmetric ciphers, authenticated ones included.
local ffi = require "ffi"
local lib = require "resty.openssl.lib"
local digest = require "resty.openssl.digest"
local format_error = require("resty.openssl.err").format_error

local C = lib.C
local bit = require "bit"

local cipher = {}
cipher.__index = cipher

local SET_IV_LEN, GET_TAG, SET_TAG = 0x9, 0x10, 0x11
local FLAG_AEAD = 0x200000
local TAG_LEN = 16

local out_len = ffi.new("int[1]")
local buf_size = 1024
local buf = ffi.new("unsigned char[?]", buf_size)


-- Grows the buffer that all ciphers write to.
function cipher.set_buffer_size(size)
  buf_size = size
  buf = ffi.new("unsigned char[?]", size)
  return true
end


local function room_for(size)
  if size > buf_size then
    cipher.set_buffer_size(size)
  end
  return buf
end


function cipher.new(name)
  if type(name) ~= "string" then
    return nil, "cipher.new: expect a string at #1"
  end
  local algo = C.EVP_get_cipherbyname(name)
  if algo == nil then
    return nil, ("cipher.new: invalid cipher type \"%s\""):format(name)
  end
  local ctx = C.EVP_CIPHER_CTX_new()
  if ctx == nil then
    return nil, "cipher.new: failed to create EVP_CIPHER_CTX"
  end
  return setmetatable({
    ctx = ffi.gc(ctx, C.EVP_CIPHER_CTX_free),
    algo = algo,
    initialized = false,
    block_size = C.EVP_CIPHER_get_block_size(algo),
    key_size = C.EVP_CIPHER_get_key_length(algo),
    iv_size = C.EVP_CIPHER_get_iv_length(algo),
    is_aead = bit.band(tonumber(C.EVP_CIPHER_get_flags(algo)), FLAG_AEAD) ~= 0,
  }, cipher)
end


function cipher.istype(object)
  return lib.istype(object, cipher)
end


-- opts: {is_encrypt =, no_padding =}
function cipher:init(key, iv, opts)
  opts = opts or {}
  local is_encrypt = opts.is_encrypt and 1 or 0
  if #key ~= self.key_size then
    return false, ("cipher:init: incorrect key size, expect %d"):format(self.key_size)
  end
  if not self.is_aead and self.iv_size > 0 and #(iv or "") ~= self.iv_size then
    return false, ("cipher:init: incorrect iv size, expect %d"):format(self.iv_size)
  end
  C.EVP_CIPHER_CTX_reset(self.ctx)
  local code = C.EVP_CipherInit_ex(self.ctx, self.algo, nil, nil, nil, is_encrypt)
  if code == 1 and self.is_aead and iv and #iv ~= self.iv_size then
    code = C.EVP_CIPHER_CTX_ctrl(self.ctx, SET_IV_LEN, #iv, nil)
  end
  if code == 1 then
    code = C.EVP_CipherInit_ex(self.ctx, nil, nil, key, iv, is_encrypt)
  end
  if code ~= 1 then
    return false, format_error("cipher:init", code)
  end
  if opts.no_padding then
    C.EVP_CIPHER_CTX_set_padding(self.ctx, 0)
  end
  self.initialized = true
  return true
end


function cipher:update(...)
  if not self.initialized then
    return nil, "cipher:update: cipher not initalized, call cipher:init first"
  end
  local parts = {}
  for i = 1, select("#", ...) do
    local text = select(i, ...)
    local at = room_for(#text + self.block_size)
    local code = C.EVP_CipherUpdate(self.ctx, at, out_len, text, #text)
    if code ~= 1 then
      return nil, format_error("cipher:update", code)
    end
    parts[i] = ffi.string(at, out_len[0])
  end
  return table.concat(parts)
end


function cipher:update_aead_aad(aad)
  if not self.initialized then
    return nil, "cipher:update_aead_aad: cipher not initalized, call cipher:init first"
  end
  local code = C.EVP_CipherUpdate(self.ctx, nil, out_len, aad, #aad)
  if code ~= 1 then
    return false, format_error("cipher:update_aead_aad", code)
  end
  return true
end


function cipher:get_aead_tag(size)
  if not self.initialized then
    return nil, "cipher:get_aead_tag: cipher not initalized, call cipher:init first"
  end
  size = size or TAG_LEN
  local at = room_for(size)
  local code = C.EVP_CIPHER_CTX_ctrl(self.ctx, GET_TAG, size, at)
  if code ~= 1 then
    return nil, format_error("cipher:get_aead_tag", code)
  end
  return ffi.string(at, size)
end


function cipher:set_aead_tag(tag)
  if not self.initialized then
    return nil, "cipher:set_aead_tag: cipher not initalized, call cipher:init first"
  end
  local copy = ffi.new("unsigned char[?]", #tag)
  ffi.copy(copy, tag, #tag)
  local code = C.EVP_CIPHER_CTX_ctrl(self.ctx, SET_TAG, #tag, copy)
  if code ~= 1 then
    return nil, format_error("cipher:set_aead_tag", code)
  end
  return true
end


function cipher:final(last)
  local head = ""
  if last then
    local err
    head, err = self:update(last)
    if not head then
      return nil, err
    end
  elseif not self.initialized then
    return nil, "cipher:final: cipher not initalized, call cipher:init first"
  end
  local at = room_for(self.block_size + 32)
  local code = C.EVP_CipherFinal_ex(self.ctx, at, out_len)
  if code ~= 1 then
    return nil, format_error("cipher:final", code)
  end
  return head .. ffi.string(at, out_len[0])
end


local function run(self, key, iv, text, opts, aad, tag)
  local ok, err = self:init(key, iv, opts)
  if not ok then
    return nil, err
  end
  if tag then
    ok, err = self:set_aead_tag(tag)
  end
  if ok and aad then
    ok, err = self:update_aead_aad(aad)
  end
  if not ok then
    return nil, err
  end
  return self:final(text)
end


function cipher:encrypt(key, iv, text, no_padding, aead_aad)
  local out, err = run(self, key, iv, text, { is_encrypt = true, no_padding = no_padding }, aead_aad)
  if not out then
    return nil, err
  end
  return out
end


function cipher:decrypt(key, iv, text, no_padding, aead_aad, aead_tag)
  local out, err = run(self, key, iv, text, { is_encrypt = false, no_padding = no_padding }, aead_aad, aead_tag)
  if not out then
    return nil, err
  end
  return out
end


-- Key and IV from a password as `openssl enc` does it: key, iv | nil, nil, err.
function cipher:derive(password, salt, count, md)
  if salt then
    if #salt > 8 then
      salt = salt:sub(1, 8)
    elseif #salt < 8 then
      return nil, nil, "cipher:derive: salt must be 8 characters"
    end
  end
  local algo, err = digest.find(md or "sha1", "cipher:derive")
  if not algo then
    return nil, nil, err
  end
  local key, iv = ffi.new("unsigned char[64]"), ffi.new("unsigned char[64]")
  local size = C.EVP_BytesToKey(self.algo, algo, salt, password, #password, count or 1, key, iv)
  if size <= 0 then
    return nil, nil, format_error("cipher:derive", size)
  end
  return ffi.string(key, size), ffi.string(iv, self.iv_size)
end


return cipher
