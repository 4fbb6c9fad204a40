-- require "pgmoon.crypto": the digests that authentication needs; bytes in, bytes out (md5: hex).
local digest = require "resty.openssl.digest"
local hmac = require "resty.openssl.hmac"
local kdf = require "resty.openssl.kdf"
local random = require "resty.random"

local Crypto = { md5 = ngx.md5, random_bytes = random.bytes }


function Crypto.hmac_sha256(key, text)
  return assert(assert(hmac.new(key, "sha256")):final(text))
end


function Crypto.digest_sha256(text)
  return assert(assert(digest.new("sha256")):final(text))
end


--- PBKDF2 of a password, salt in base64. Returns 32 bytes, or nil, err.
function Crypto.kdf_derive_sha256(password, salt, iterations)
  local key, err = kdf.derive({
    type = kdf.PBKDF2, md = "sha256", salt = ngx.decode_base64(salt), pbkdf2_iter = iterations, pass = password, outlen = 32,
  })
  if not key then
    return nil, "failed to derive pbkdf2 key: " .. tostring(err)
  end
  return key
end


--- Digest of the DER form of a certificate given as PEM.
function Crypto.x509_digest(pem, name)
  return assert(require("resty.openssl.x509").new(pem, "PEM")):digest(name)
end


return Crypto
