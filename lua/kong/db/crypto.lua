-- The few digests and random bytes kong.db needs before any worker runs, through libcrypto.
-- Used by kong.db.schema.ids, entities and kong.db.declarative. Must never hold keys or state.
local ffi = require "ffi"

local C = ffi.C

ffi.cdef [[
unsigned char *SHA1(const unsigned char *d, size_t n, unsigned char *md);
unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);
int RAND_bytes(unsigned char *buf, int num);
]]


-- The runtime links libcrypto; a plain LuaJIT has to load it.
local lib = C
if not pcall(function()
  return C.SHA1
end) then
  local ok
  ok, lib = pcall(ffi.load, "libcrypto.so.3")
  if not ok then
    lib = ffi.load("crypto")
  end
end

local digest = ffi.new("unsigned char[?]", 64)

local crypto = { lib = lib }


function crypto.sha1(text)
  lib.SHA1(text, #text, digest)
  return ffi.string(digest, 20)
end


local function hex(bytes)
  return (bytes:gsub(".", function(c)
    return string.format("%02x", c:byte())
  end))
end


function crypto.sha1_hex(text)
  return hex(crypto.sha1(text))
end


function crypto.sha256_hex(text)
  lib.SHA256(text, #text, digest)
  return hex(ffi.string(digest, 32))
end


function crypto.random_bytes(n)
  local buf = ffi.new("unsigned char[?]", n)
  if lib.RAND_bytes(buf, n) ~= 1 then
    error("no random bytes from libcrypto")
  end
  return ffi.string(buf, n)
end


return crypto
