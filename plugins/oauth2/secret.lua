-- Hashed client secrets: PBKDF2 in the notation $pbkdf2-<digest>$i=<iterations>,l=<length>$<salt>$<hash>.
local kdf = require "resty.openssl.kdf"
local rand = require "resty.openssl.rand"

local ngx = ngx

local secret = {}

local DIGEST, ITERATIONS, LENGTH, SALT_LENGTH = "sha512", 10000, 32, 16
local PREFIX = ("$pbkdf2-%s$i=%u,l=%u"):format(DIGEST, ITERATIONS, LENGTH)


local function derive(text, digest, iterations, length, salt)
  return assert(kdf.new("PBKDF2")):derive(length, { pass = text, salt = salt, digest = digest, iter = iterations })
end


function secret.hash(text)
  local salt = assert(rand.bytes(SALT_LENGTH))
  local hash, err = derive(text, DIGEST, ITERATIONS, LENGTH, salt)
  if not hash then
    return nil, err
  end
  return PREFIX .. "$" .. ngx.encode_base64(salt, true) .. "$" .. ngx.encode_base64(hash, true)
end


-- true, or false and why a text is not the one that was hashed.
function secret.verify(text, hashed)
  if type(text) ~= "string" then
    return false, "secret needs to be a string"
  end
  local digest, iterations, length, salt, hash =
    tostring(hashed):match("^%$pbkdf2%-([%w%-]+)%$i=(%d+),l=(%d+)%$([^$]+)%$([^$]+)$")
  if not digest then
    return false, "invalid phc string format"
  end
  salt = ngx.decode_base64(salt)
  if not salt then
    return false, "invalid phc string format"
  end
  local calculated, err = derive(text, digest, tonumber(iterations), tonumber(length), salt)
  if not calculated then
    return false, err
  end
  return ngx.encode_base64(calculated, true) == hash
end


function secret.needs_rehash(hashed)
  return type(hashed) ~= "string" or hashed:sub(1, #PREFIX) ~= PREFIX
end


return secret
