-- Message digests: new(name), update(...), final(last), reset().
local ffi = require "ffi"
local lib = require "resty.openssl.lib"
local format_error = require("resty.openssl.err").format_error
local stream = require "resty.openssl.stream"

local C = lib.C

local digest = {}
digest.__index = digest

local buf, len = ffi.new("unsigned char[64]"), ffi.new("unsigned int[1]")


-- The EVP_MD of a name, or nil and an error that starts with `context`.
function digest.find(name, context)
  local md
  if name == "null" then
    md = C.EVP_md_null()
  else
    md = C.EVP_get_digestbyname(name)
  end
  if md == nil then
    return nil, ("%s: invalid digest type \"%s\""):format(context, name)
  end
  return md
end


function digest.new(name)
  local md, err = digest.find(name or "sha1", "digest.new")
  if not md then
    return nil, err
  end
  local ctx = C.EVP_MD_CTX_new()
  if ctx == nil then
    return nil, "digest.new: failed to create EVP_MD_CTX"
  end
  ffi.gc(ctx, C.EVP_MD_CTX_free)
  local code = C.EVP_DigestInit_ex(ctx, md, nil)
  if code ~= 1 then
    return nil, format_error("digest.new", code)
  end
  return setmetatable({ ctx = ctx, algo = md, buf_size = C.EVP_MD_get_size(md) }, digest)
end


function digest.istype(object)
  return lib.istype(object, digest)
end


stream.install(digest, "digest", function(ctx, text)
  return C.EVP_DigestUpdate(ctx, text, #text)
end, function(ctx)
  local code = C.EVP_DigestFinal_ex(ctx, buf, len)
  return code, buf, len[0]
end)


-- The digest so far, leaving the state as it is.
function digest:peek()
  local copy = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)
  if C.EVP_MD_CTX_copy_ex(copy, self.ctx) ~= 1 or C.EVP_DigestFinal_ex(copy, buf, len) ~= 1 then
    return nil, format_error("digest:peek")
  end
  return ffi.string(buf, len[0])
end


function digest:reset()
  local code = C.EVP_DigestInit_ex(self.ctx, self.algo, nil)
  if code ~= 1 then
    return nil, format_error("digest:reset", code)
  end
  return true
end


return digest
