-- Providers of algorithms.
local ffi = require "ffi"
local lib = require "resty.openssl.lib"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local provider = {}
provider.__index = provider


function provider.load(name)
  local ctx = C.OSSL_PROVIDER_load(nil, name)
  if ctx == nil then
    return nil, format_error("provider.load")
  end
  return setmetatable({ ctx = ctx, name = name }, provider)
end


function provider.istype(object)
  return lib.istype(object, provider)
end


function provider.is_available(name)
  return C.OSSL_PROVIDER_available(nil, name) == 1
end


function provider:unload()
  if C.OSSL_PROVIDER_unload(self.ctx) ~= 1 then
    return nil, format_error("provider:unload")
  end
  self.ctx = ffi.cast("void *", nil)
  return true
end


return provider
