-- resty.openssl: known answers, and things that are made here and read again.
local bn = require "resty.openssl.bn"
local cipher = require "resty.openssl.cipher"
local digest = require "resty.openssl.digest"
local hmac = require "resty.openssl.hmac"
local kdf = require "resty.openssl.kdf"
local pkey = require "resty.openssl.pkey"
local rand = require "resty.openssl.rand"
local to_hex = require("resty.string").to_hex
local x509 = require "resty.openssl.x509"
local chain_lib = require "resty.openssl.x509.chain"
local csr = require "resty.openssl.x509.csr"
local name_lib = require "resty.openssl.x509.name"
local store_lib = require "resty.openssl.x509.store"
local altname = require "resty.openssl.x509.altname"


describe("digests", function()
  it("are those of the standards", function()
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", to_hex(digest.new("sha256"):final("abc")))
    assert.equal("900150983cd24fb0d6963f7d28e17f72", to_hex(digest.new("md5"):final("abc")))
    local pieces = digest.new("sha1")
    assert(pieces:update("a", "b"))
    assert.equal("a9993e364706816aba3e25717850c26c9cd0d89d", to_hex(pieces:final("c")))
    assert.is_nil((digest.new("nothing")))
  end)

  it("take keys", function()
    assert.equal("f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
                 to_hex(hmac.new("key", "sha256"):final("The quick brown fox jumps over the lazy dog")))
  end)
end)


describe("ciphers", function()
  it("are undone with the same key", function()
    local key, iv = rand.bytes(32), rand.bytes(16)
    local secret = assert(cipher.new("aes-256-cbc")):encrypt(key, iv, "some text")
    assert.not_equal("some text", secret)
    assert.equal("some text", (assert(cipher.new("aes-256-cbc")):decrypt(key, iv, secret)))
  end)

  it("with authentication refuse changed texts", function()
    local key, iv = rand.bytes(32), rand.bytes(12)
    local sealer = assert(cipher.new("aes-256-gcm"))
    local secret = assert(sealer:encrypt(key, iv, "some text", false, "head"))
    local tag = assert(sealer:get_aead_tag())
    assert.equal("some text", (assert(cipher.new("aes-256-gcm")):decrypt(key, iv, secret, false, "head", tag)))
    assert.is_nil((assert(cipher.new("aes-256-gcm")):decrypt(key, iv, secret, false, "HEAD", tag)))
  end)
end)


describe("derived keys", function()
  it("are those of RFC 6070", function()
    local key = assert(kdf.derive({
      type = kdf.PBKDF2,
      outlen = 20,
      pass = "password",
      salt = "salt",
      md = "sha1",
      pbkdf2_iter = 2,
    }))
    assert.equal("ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957", to_hex(key))
  end)
end)


describe("large numbers", function()
  it("are read and written", function()
    local number = bn.from_dec("340282366920938463463374607431768211456")
    assert.equal("0100000000000000000000000000000000", number:to_hex():gsub("^0*", "0"):lower())
    assert.equal("340282366920938463463374607431768211456", bn.from_binary(number:to_binary()):to_dec())
    assert.equal("7", (bn.new(3) + bn.new(4)):to_dec())
    assert.is_true(bn.new(3) < bn.new(4))
  end)
end)


describe("keys", function()
  for kind, options in pairs({
    rsa = { type = "RSA", bits = 2048 },
    ec = { type = "EC", curve = "prime256v1" },
    ed25519 = { type = "Ed25519" },
  }) do
    it(kind .. " sign, and outlive PEM and JWK", function()
      local key = assert(pkey.new(options))
      local md = kind ~= "ed25519" and "sha256" or nil
      local signature = assert(key:sign("text", md))
      local public = assert(pkey.new(assert(key:to_PEM("public"))))
      assert.is_true(public:verify(signature, "text", md))
      assert.is_false(public:verify(signature, "another", md) == true)
      local again = assert(pkey.new(assert(key:to_PEM("private"))))
      assert.equal(key:to_PEM("public"), again:to_PEM("public"))
      local from_jwk = assert(pkey.new(assert(key:tostring("private", "JWK"))))
      assert.equal(key:to_PEM("public"), from_jwk:to_PEM("public"))
      assert.is_true(key:is_private())
      assert.is_false(public:is_private())
    end)
  end

  it("encrypt with RSA", function()
    local key = assert(pkey.new({ type = "RSA", bits = 2048 }))
    local secret = assert(key:encrypt("text", pkey.PADDINGS.RSA_PKCS1_OAEP_PADDING))
    assert.equal("text", key:decrypt(secret, pkey.PADDINGS.RSA_PKCS1_OAEP_PADDING))
  end)

  it("are refused when they are none", function()
    local key, err = pkey.new("no key")
    assert.is_nil(key)
    assert.is_string(err)
  end)
end)


describe("certificates", function()
  local function make(subject, key, issuer, issuer_key, is_ca)
    local cert = assert(x509.new())
    assert(cert:set_version(3))
    assert(cert:set_serial_number(bn.new(7)))
    local name = assert(name_lib.new():add("CN", subject))
    assert(cert:set_subject_name(name))
    assert(cert:set_issuer_name(issuer and issuer:get_subject_name() or name))
    assert(cert:set_not_before(ngx.time() - 60))
    assert(cert:set_not_after(ngx.time() + 3600))
    assert(cert:set_pubkey(key))
    assert(cert:set_basic_constraints({ CA = is_ca }))
    assert(cert:sign(issuer_key or key, digest.new("sha256")))
    return cert
  end

  it("are made, read and verified", function()
    local ca_key = assert(pkey.new({ type = "EC", curve = "prime256v1" }))
    local leaf_key = assert(pkey.new({ type = "EC", curve = "prime256v1" }))
    local ca = make("ca", ca_key, nil, nil, true)
    local leaf = make("leaf", leaf_key, ca, ca_key, false)
    local read = assert(x509.new(leaf:to_PEM()))
    assert.equal("leaf", read:get_subject_name():find("CN").blob)
    assert.equal("ca", read:get_issuer_name():find("CN").blob)
    assert.equal("7", read:get_serial_number():to_dec())
    assert.equal(leaf:get_not_after(), read:get_not_after())
    assert.is_true(read:check_private_key(leaf_key))
    assert.is_falsy((read:check_private_key(ca_key)))

    local store = assert(store_lib.new())
    assert(store:add(ca))
    assert.is_truthy((store:verify(read)))
    local chain = assert(chain_lib.new())
    assert(chain:add(ca))
    assert.equal(1, chain:count())
    local other = make("other", ca_key, nil, nil, true)
    local other_store = assert(store_lib.new())
    assert(other_store:add(other))
    assert.is_falsy((other_store:verify(read)))
  end)

  it("are asked for", function()
    local key = assert(pkey.new({ type = "EC", curve = "prime256v1" }))
    local request = assert(csr.new())
    assert(request:set_subject_name(assert(name_lib.new():add("CN", "example.com"))))
    assert(request:set_subject_alt_name(assert(altname.new():add("DNS", "example.com"))))
    assert(request:set_pubkey(key))
    assert(request:sign(key))
    local read = assert(csr.new(request:to_PEM()))
    assert.equal("example.com", read:get_subject_name():find("CN").blob)
    assert.equal(key:to_PEM("public"), read:get_pubkey():to_PEM("public"))
  end)

  it("are refused when they are none", function()
    assert.is_nil((x509.new("no certificate")))
  end)
end)
