-- Stacks of certificates.
local ffi = require "ffi"
local x509_lib = require "resty.openssl.x509.lib"
local lib = require "resty.openssl.lib"
local x509 = require "resty.openssl.x509"

local C = lib.C

local chain = {}


local function free(stack)
  for i = 0, C.OPENSSL_sk_num(stack) - 1 do
    C.X509_free(C.OPENSSL_sk_value(stack, i))
  end
  C.OPENSSL_sk_free(stack)
end


-- Takes over a stack and its references to certificates.
function chain.own(ptr)
  return setmetatable({ ctx = ffi.gc(ptr, free) }, chain)
end


function chain.new()
  local ctx = C.OPENSSL_sk_new_null()
  if ctx == nil then
    return nil, "x509.chain.new: OPENSSL_sk_new_null() failed"
  end
  return chain.own(ctx)
end


function chain.dup(ptr)
  local ctx = C.X509_chain_up_ref(ptr)
  if ctx == nil then
    return nil, "x509.chain.dup: X509_chain_up_ref() failed"
  end
  return chain.own(ctx)
end


function chain.istype(object)
  return lib.istype(object, chain)
end


x509_lib.define_stack(chain, function(self)
  return self.ctx
end, x509.ref)


function chain:add(certificate)
  if not x509.istype(certificate) then
    return nil, "x509.chain:add: expect a x509 instance at #1"
  end
  C.X509_up_ref(certificate.ctx)
  if C.OPENSSL_sk_push(self.ctx, certificate.ctx) <= 0 then
    C.X509_free(certificate.ctx)
    return nil, "x509.chain:add: OPENSSL_sk_push() failed"
  end
  return true
end


return chain
