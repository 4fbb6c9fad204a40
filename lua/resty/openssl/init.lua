-- The entry of the library: resty.openssl.<module> are its parts.
local openssl = {
  _VERSION = "1.5.1",
}


function openssl.load_library()
  return "crypto"
end


-- Puts the modules into this table.
function openssl.load_modules()
  openssl.version = require "resty.openssl.version"
  openssl.asn1 = require "resty.openssl.asn1"
  openssl.bn = require "resty.openssl.bn"
  openssl.cipher = require "resty.openssl.cipher"
  openssl.digest = require "resty.openssl.digest"
  openssl.err = require "resty.openssl.err"
  openssl.hmac = require "resty.openssl.hmac"
  openssl.kdf = require "resty.openssl.kdf"
  openssl.mac = require "resty.openssl.mac"
  openssl.objects = require "resty.openssl.objects"
  openssl.pkey = require "resty.openssl.pkey"
  openssl.provider = require "resty.openssl.provider"
  openssl.rand = require "resty.openssl.rand"
  openssl.x509 = require "resty.openssl.x509"
  openssl.altname = require "resty.openssl.x509.altname"
  openssl.chain = require "resty.openssl.x509.chain"
  openssl.crl = require "resty.openssl.x509.crl"
  openssl.csr = require "resty.openssl.x509.csr"
  openssl.extension = require "resty.openssl.x509.extension"
  openssl.name = require "resty.openssl.x509.name"
  openssl.revoked = require "resty.openssl.x509.revoked"
  openssl.store = require "resty.openssl.x509.store"
end


function openssl.get_fips_mode()
  return false
end


return openssl
