-- Message digests of libcrypto for resty.md5, resty.sha1 and their relatives. Not resty.evp: users bring a module of that name.
local ffi = require "ffi"

local C = ffi.C

ffi.cdef [[
typedef struct evp_md_st EVP_MD;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct engine_st ENGINE;
EVP_MD_CTX *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(EVP_MD_CTX *ctx);
int EVP_DigestInit_ex(EVP_MD_CTX *ctx, const EVP_MD *type, ENGINE *impl);
int EVP_DigestUpdate(EVP_MD_CTX *ctx, const void *d, size_t cnt);
int EVP_DigestFinal_ex(EVP_MD_CTX *ctx, unsigned char *md, unsigned int *s);
const EVP_MD *EVP_get_digestbyname(const char *name);
]]

local out = ffi.new("unsigned char[64]")
local out_len = ffi.new("unsigned int[1]")

local Evp = {}


-- The native state of an object; raises for anything else.
local function ctx_of(self)
  local ctx = type(self) == "table" and rawget(self, "_ctx")
  if type(ctx) ~= "cdata" then
    error("bad 'self' argument: digest object expected", 3)
  end
  return ctx
end


-- A class whose objects compute the digest of that name: new(), update(text), final() -> bytes, reset().
function Evp.class(name)
  local kind = C.EVP_get_digestbyname(name)
  local Class = { _VERSION = "0.16" }
  Class.__index = Class

  function Class.new()
    local ctx = C.EVP_MD_CTX_new()
    if ctx == nil then
      return nil
    end
    ctx = ffi.gc(ctx, C.EVP_MD_CTX_free)
    if C.EVP_DigestInit_ex(ctx, kind, nil) ~= 1 then
      return nil
    end
    return setmetatable({ _ctx = ctx }, Class)
  end

  function Class:update(text, len)
    local ctx = ctx_of(self)
    text = tostring(text)
    local n = tonumber(len)
    if not n or n < 0 or n > #text then
      n = #text
    end
    return C.EVP_DigestUpdate(ctx, text, n) == 1
  end

  function Class:final()
    if C.EVP_DigestFinal_ex(ctx_of(self), out, out_len) ~= 1 then
      return nil
    end
    return ffi.string(out, out_len[0])
  end

  function Class:reset()
    return C.EVP_DigestInit_ex(ctx_of(self), kind, nil) == 1
  end

  return Class
end


return Evp
