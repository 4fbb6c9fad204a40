-- require "ngx.ssl": certificates of the running handshake (certificate phase), facts about the TLS connection, PEM and DER.
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C
local ffi_gc = ffi.gc
local ffi_string = ffi.string
local type = type
local OK, ERROR, DECLINED = base.OK, base.ERROR, base.DECLINED
local NULL = ffi.cast("void *", 0)
local BAD_CERT = "PEM_read_bio_X509_AUX() failed"
local BAD_KEY = "PEM_read_bio_PrivateKey() failed"
local HANDSHAKE = bit.bor(base.CERT, 0x8)
local FAMILIES = { [1] = "unix", [4] = "inet", [6] = "inet6" }
local VERSIONS = { [0x300] = "SSLv3", [0x301] = "TLSv1", [0x302] = "TLSv1.1", [0x303] = "TLSv1.2", [0x304] = "TLSv1.3" }

local out = base.new_str()
local family, port = ffi.new("int[1]"), ffi.new("int[1]")

local Ssl = {
  _VERSION = "0.1.28",
  SSL3_VERSION = 0x300, TLS1_VERSION = 0x301, TLS1_1_VERSION = 0x302, TLS1_2_VERSION = 0x303, TLS1_3_VERSION = 0x304,
}


-- Raises where there can be no connection.
local function check_connection()
  if base.cur.co == nil or base.cur.phase == base.INIT then
    error("no request found", 3)
  end
end


local function verdict(rc, err)
  if rc == OK then
    return true
  end
  return nil, rc == DECLINED and "bad request" or err
end


function Ssl.clear_certs()
  check_connection()
  return verdict(C.kgw_ffi_ssl_clear(), "unknown return code")
end


function Ssl.set_der_cert(der)
  check_connection()
  return verdict(C.kgw_ffi_ssl_set_der_cert(der, #der), "d2i_X509_bio() failed")
end


function Ssl.set_der_priv_key(der)
  check_connection()
  return verdict(C.kgw_ffi_ssl_set_der_key(der, #der), "d2i_PrivateKey_bio() failed")
end


function Ssl.set_cert(cert)
  check_connection()
  return verdict(C.kgw_ffi_ssl_set_cert(cert), "SSL_use_certificate() failed")
end


function Ssl.set_priv_key(key)
  check_connection()
  return verdict(C.kgw_ffi_ssl_set_key(key), "SSL_use_PrivateKey() failed")
end


local function free_cert(chain)
  C.kgw_ffi_ssl_free_cert(chain)
end


local function free_key(key)
  C.kgw_ffi_ssl_free_key(key)
end


--- The certificate and those that follow it, as an opaque value; or nil, err.
function Ssl.parse_pem_cert(pem)
  local chain = C.kgw_ffi_ssl_parse_cert(pem, #pem)
  if chain == NULL then
    return nil, BAD_CERT
  end
  return ffi_gc(chain, free_cert)
end


function Ssl.parse_pem_priv_key(pem, password)
  local key = C.kgw_ffi_ssl_parse_key(pem, #pem, password)
  if key == NULL then
    return nil, BAD_KEY
  end
  return ffi_gc(key, free_key)
end


--- Certificates as DER, one after the other.
function Ssl.cert_pem_to_der(pem)
  local buf = base.buf(#pem)
  local n = C.kgw_ffi_ssl_cert_der(pem, #pem, buf, #pem)
  if n < 0 then
    return nil, BAD_CERT
  end
  return ffi_string(buf, n)
end


function Ssl.priv_key_pem_to_der(pem, password)
  local buf = base.buf(#pem)
  local n = C.kgw_ffi_ssl_key_der(pem, #pem, password, buf, #pem)
  if n < 0 then
    return nil, BAD_KEY
  end
  return ffi_string(buf, n)
end


--- The name the client asked for; nil when it named none; nil, err.
function Ssl.server_name()
  check_connection()
  local rc = C.kgw_ffi_ssl_server_name(out)
  if rc == OK then
    return ffi_string(out.ptr, out.len)
  elseif rc == ERROR then
    return nil
  end
  return nil, "bad request"
end


local function address(of_server)
  local rc = C.kgw_ffi_ssl_address(of_server, family, port, out)
  if rc ~= OK then
    return nil, "bad request"
  end
  return ffi_string(out.ptr, out.len), FAMILIES[family[0]]
end


function Ssl.raw_server_addr()
  check_connection()
  return address(1)
end


function Ssl.raw_client_addr()
  check_connection()
  return address(0)
end


function Ssl.server_port()
  check_connection()
  local raw, err = address(1)
  if not raw then
    return nil, err
  end
  if family[0] == 1 then
    return nil, "unix domain has no port"
  end
  return port[0]
end


function Ssl.get_tls1_version()
  check_connection()
  local version = C.kgw_ffi_ssl_version()
  if version < 0 then
    return nil, "bad request"
  end
  return version
end


function Ssl.get_tls1_version_str()
  check_connection()
  local version, err = Ssl.get_tls1_version()
  if not version then
    return nil, err
  end
  return VERSIONS[version] or "unknown version"
end


--- Asks the client for a certificate; `cas`: a parsed chain of those it may be from; nothing is refused here.
function Ssl.verify_client(cas, depth)
  check_connection()
  if bit.band(base.cur.phase, HANDSHAKE) == 0 then
    error("API disabled in the current context", 2)
  end
  return verdict(C.kgw_ffi_ssl_verify_client(type(cas) == "cdata" and cas or NULL, depth or -1), "SSL_set_verify() failed")
end


--- SSL* of the connection, for libraries that look into it; or nil, err.
function Ssl.get_req_ssl_pointer()
  check_connection()
  local ssl = C.kgw_ffi_ssl_pointer()
  if ssl == NULL then
    return nil, "bad request"
  end
  return ssl
end


--- The client's certificates as PEM, leaf first; nil when it sent none; nil, err.
function Ssl.client_chain()
  check_connection()
  local size = 65536
  local buf = base.buf(size)
  local n = C.kgw_ffi_ssl_client_chain(buf, size)
  if n == 0 then
    return nil
  elseif n < 0 then
    return nil, n == DECLINED and "bad request" or "the certificate chain is too long"
  end
  return ffi_string(buf, n)
end


--- No session tickets for this handshake.
function Ssl.disable_session_reuse()
  check_connection()
  return verdict(C.kgw_ffi_ssl_disable_reuse())
end


return Ssl
