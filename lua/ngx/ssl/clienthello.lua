-- require "ngx.ssl.clienthello": what the client's first message says. Its phase is part of the certificate phase here.
local base = require "ngx.base"
local ssl = require "ngx.ssl"

local HANDSHAKE = bit.bor(base.CERT, 0x8)

local ClientHello = { version = "0.1.28" }


--- The name the client asked for, or nil.
function ClientHello.get_client_hello_server_name()
  base.check_phase(HANDSHAKE)
  return ssl.server_name()
end


function ClientHello.get_client_hello_ext()
  base.check_phase(HANDSHAKE)
  return nil, "the client hello is gone"
end


function ClientHello.get_supported_versions()
  base.check_phase(HANDSHAKE)
  local version, err = ssl.get_tls1_version_str()
  if not version then
    return nil, err
  end
  return { version }
end


function ClientHello.set_protocols()
  base.check_phase(HANDSHAKE)
  return nil, "the protocol version is already chosen"
end


return ClientHello
