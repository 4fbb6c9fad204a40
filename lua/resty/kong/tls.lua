-- require "resty.kong.tls": the connection's TLS in Kong's own words.
local ssl = require "ngx.ssl"
local tcp = require "ngx.socket_tcp"

local Tls = { version = "0.0.8" }


-- What kong.service.set_tls_* fills; read when the peer is chosen.
local function upstream_options()
  local ctx = ngx.ctx
  local options = ctx.upstream_tls
  if not options then
    options = {}
    ctx.upstream_tls = options
  end
  return options
end


Tls.disable_session_reuse = ssl.disable_session_reuse
Tls.get_full_client_certificate_chain = ssl.client_chain
Tls.get_request_ssl_pointer = ssl.get_req_ssl_pointer


--- SSL* of a cosocket, or nil, err.
function Tls.get_ssl_pointer(sock)
  local pointer = tcp.ssl_pointer(sock)
  if not pointer then
    return nil, "not a valid tcp socket with TLS"
  end
  return pointer
end


function Tls.request_client_certificate(cas)
  return ssl.verify_client(cas, 0)
end


function Tls.set_upstream_cert_and_key(chain, key)
  if not chain or not key then
    error("chain and key must not be nil", 2)
  end
  local options = upstream_options()
  options.chain, options.key = chain, key
  return true
end


function Tls.set_upstream_ssl_verify(on)
  if type(on) ~= "boolean" then
    error("verify expects a boolean but found " .. type(on), 2)
  end
  upstream_options().verify = on
  return true
end


function Tls.set_upstream_ssl_verify_depth(depth)
  if type(depth) ~= "number" then
    error("depth expects a number but found " .. type(depth), 2)
  elseif depth < 0 then
    error("depth expects a non-negative interger", 2)
  end
  upstream_options().verify_depth = depth
  return true
end


--- store: X509_STORE*.
function Tls.set_upstream_ssl_trusted_store(store)
  upstream_options().store = { ctx = store }
  return true
end


return Tls
