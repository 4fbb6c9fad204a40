-- Message authentication codes: new(key, kind, cipher, digest), update(...), final(last), reset().
local ffi = require "ffi"
local lib = require "resty.openssl.lib"
local params = require "resty.openssl.params"
local format_error = require("resty.openssl.err").format_error
local stream = require "resty.openssl.stream"

local C = lib.C

local mac = {}
mac.__index = mac

local buf, len = ffi.new("unsigned char[256]"), ffi.new("size_t[1]")

-- Algorithms by name; looking one up costs more than a short message.
local fetched = {}


local function fetch(kind, properties)
  local name = properties and kind .. ":" .. properties or kind
  local algo = fetched[name]
  if not algo then
    algo = C.EVP_MAC_fetch(nil, kind, properties)
    if algo == nil then
      return nil
    end
    ffi.gc(algo, C.EVP_MAC_free)
    fetched[name] = algo
  end
  return algo
end


function mac.new(key, kind, cipher, digest, properties)
  if type(kind) ~= "string" then
    return nil, "mac.new: expect a string at #2"
  end
  local list = {}
  if digest then
    list[#list + 1] = { "digest", params.UTF8, digest }
  end
  if cipher then
    list[#list + 1] = { "cipher", params.UTF8, cipher }
  end
  if properties then
    list[#list + 1] = { "properties", params.UTF8, properties }
  end
  local algo = fetch(kind, properties)
  if not algo then
    return nil, format_error(("mac.new: invalid mac type \"%s\""):format(kind))
  end
  local ctx = C.EVP_MAC_CTX_new(algo)
  if ctx == nil then
    return nil, "mac.new: failed to create EVP_MAC_CTX"
  end
  ffi.gc(ctx, C.EVP_MAC_CTX_free)
  local array, keep = params.build(list)
  local code = C.EVP_MAC_init(ctx, key, #key, array)
  if code ~= 1 then
    return nil, format_error("mac.new", code)
  end
  return setmetatable({ ctx = ctx, algo = algo, key = key, params = array, keep = keep,
                        buf_size = tonumber(C.EVP_MAC_CTX_get_mac_size(ctx)) }, mac)
end


function mac.istype(object)
  return lib.istype(object, mac)
end


stream.install(mac, "mac", function(ctx, text)
  return C.EVP_MAC_update(ctx, text, #text)
end, function(ctx)
  local code = C.EVP_MAC_final(ctx, buf, len, 256)
  return code, buf, len[0]
end)


function mac:reset()
  local code = C.EVP_MAC_init(self.ctx, self.key, #self.key, self.params)
  if code ~= 1 then
    return nil, format_error("mac:reset", code)
  end
  return true
end


return mac
