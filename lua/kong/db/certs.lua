-- Checks of PEM certificates and keys through libcrypto: parse, match, CA constraint, expiry.
-- Used by typedefs and the certificate entities when a configuration is read.
-- Must never keep a parsed key: every object is freed when its cdata is collected.
local ffi = require "ffi"
local bit = require "bit"
local crypto = require "kong.db.crypto"

local lib = crypto.lib
local fmt = string.format

ffi.cdef [[
typedef struct bio_st BIO;
typedef struct x509_st X509;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct asn1_string_st ASN1_TIME;
typedef int (*kgw_pem_cb)(char *buf, int size, int rwflag, void *u);
BIO *BIO_new_mem_buf(const void *buf, int len);
int BIO_free(BIO *a);
X509 *PEM_read_bio_X509(BIO *bp, X509 **x, kgw_pem_cb cb, void *u);
EVP_PKEY *PEM_read_bio_PrivateKey(BIO *bp, EVP_PKEY **x, kgw_pem_cb cb, void *u);
EVP_PKEY *PEM_read_bio_PUBKEY(BIO *bp, EVP_PKEY **x, kgw_pem_cb cb, void *u);
void X509_free(X509 *a);
void EVP_PKEY_free(EVP_PKEY *a);
int X509_check_private_key(const X509 *x, const EVP_PKEY *k);
uint32_t X509_get_extension_flags(X509 *x);
ASN1_TIME *X509_get0_notAfter(const X509 *x);
int X509_cmp_current_time(const ASN1_TIME *s);
EVP_PKEY *X509_get0_pubkey(const X509 *x);
int EVP_PKEY_get_base_id(const EVP_PKEY *pkey);
int i2d_X509(X509 *a, unsigned char **out);
unsigned long ERR_get_error(void);
unsigned long ERR_peek_last_error(void);
void ERR_error_string_n(unsigned long e, char *buf, size_t len);
void ERR_clear_error(void);
]]

local EXFLAG_BCONS = 0x1
local EXFLAG_CA = 0x10

local certs = {}


-- Without this, libcrypto would ask the terminal for the passphrase of an encrypted key.
local no_password = ffi.cast("kgw_pem_cb", function()
  return 0
end)

local error_text = ffi.new("char[256]")


local function last_error(what)
  local code = lib.ERR_peek_last_error()
  lib.ERR_clear_error()
  if code == 0 then
    return what .. ": error:unknown"
  end
  lib.ERR_error_string_n(code, error_text, 256)
  -- "error:0480006C:PEM routines::no start line" is how libcrypto prints it already.
  return what .. ": " .. ffi.string(error_text)
end


local function read(reader, free, pem)
  lib.ERR_clear_error()
  local bio = lib.BIO_new_mem_buf(pem, #pem)
  if bio == nil then
    return nil
  end
  local object = reader(bio, nil, no_password, nil)
  lib.BIO_free(bio)
  if object == nil then
    return nil
  end
  lib.ERR_clear_error()
  return ffi.gc(object, free)
end


local function read_certificate(pem)
  return read(lib.PEM_read_bio_X509, lib.X509_free, pem)
end


local function read_private_key(pem)
  return read(lib.PEM_read_bio_PrivateKey, lib.EVP_PKEY_free, pem)
end


local function read_public_key(pem)
  return read(lib.PEM_read_bio_PUBKEY, lib.EVP_PKEY_free, pem)
end


function certs.check_certificate(pem)
  if read_certificate(pem) then
    return true
  end
  return nil, "invalid certificate: " .. last_error("x509.new")
end


function certs.check_key(pem)
  if read_private_key(pem) or read_public_key(pem) then
    return true
  end
  return nil, "invalid key: " .. last_error("pkey.new:load_key")
end


-- {private_key =, public_key =} of the keys entity.
function certs.check_pem_pair(pair)
  local function given(v)
    return type(v) == "string" and not v:find("^{vault://")
  end
  if given(pair.public_key) and not read_public_key(pair.public_key) then
    return nil, "could not load public key"
  end
  if given(pair.private_key) and not read_private_key(pair.private_key) then
    return nil, "could not load private key" .. last_error("pkey.new:load_key")
  end
  return true
end


-- True when both parse and belong together; unparsable input is judged by the field checks.
function certs.match(cert_pem, key_pem)
  local cert = read_certificate(cert_pem)
  local key = cert and read_private_key(key_pem)
  if not key then
    return true
  end
  local same = lib.X509_check_private_key(cert, key) == 1
  lib.ERR_clear_error()
  return same
end


-- A number per key algorithm (RSA, EC ...), nil if the certificate does not parse.
function certs.key_type(cert_pem)
  local cert = read_certificate(cert_pem)
  if not cert then
    return nil
  end
  local key = lib.X509_get0_pubkey(cert)
  return key ~= nil and lib.EVP_PKEY_get_base_id(key) or nil
end


function certs.check_ca(pem)
  local _, count = pem:gsub("%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-", "")
  if count > 1 then
    return nil, "please submit only one certificate at a time"
  end
  local cert = read_certificate(pem)
  if not cert then
    return nil, "invalid certificate: " .. last_error("x509.new")
  end
  if lib.X509_cmp_current_time(lib.X509_get0_notAfter(cert)) < 0 then
    return nil, "certificate expired, \"Not After\" time is in the past"
  end
  local flags = lib.X509_get_extension_flags(cert)
  if bit.band(flags, EXFLAG_BCONS) == 0 or bit.band(flags, EXFLAG_CA) == 0 then
    return nil, "certificate does not appear to be a CA because it is missing the \"CA\" basic constraint"
  end
  return true
end


-- SHA-256 of the DER form, in hexadecimal.
function certs.digest(pem)
  local cert = read_certificate(pem)
  if not cert then
    return nil, fmt("invalid certificate: %s", last_error("x509.new"))
  end
  local out = ffi.new("unsigned char *[1]")
  local len = lib.i2d_X509(cert, nil)
  local buf = ffi.new("unsigned char[?]", len)
  out[0] = buf
  lib.i2d_X509(cert, out)
  return crypto.sha256_hex(ffi.string(buf, len))
end


return certs
