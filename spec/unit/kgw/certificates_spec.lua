local certificates = require "kgw.certificates"
local certs = require "kong.db.certs"
local conf_module = require "kong.conf"
local posix = require "kgw.posix"


describe("self-signed certificates", function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(posix.mkdirs(folder .. "/ssl"))
  end)

  after_each(function()
    os.execute("rm -rf " .. folder)
  end)

  local function load(more)
    local overrides = { prefix = folder, database = "off", proxy_listen = "127.0.0.1:1 ssl", admin_listen = "off", status_listen = "off" }
    for name, value in pairs(more or {}) do
      overrides[name] = value
    end
    return assert(conf_module.load("/dev/null", overrides, { ignores_environment = true }))
  end

  it("are pairs that match", function()
    for kind = 0, 2 do
      local cert, key = certificates.generate(kind, "localhost", 10)
      assert.is_true(certs.check_certificate(cert))
      assert.is_true(certs.check_key(key))
      assert.is_true(certs.match(cert, key))
    end
  end)

  it("are kept below the prefix; the RSA one serves once it is there", function()
    local conf = load()
    local first = assert(certificates.of(conf, true))
    assert.are.same({ { cert = conf.ssl_cert_default_ecdsa, key = conf.ssl_cert_key_default_ecdsa } }, first.ssl)
    local elliptic = posix.read_file(conf.ssl_cert_default_ecdsa)
    assert.are.equal(elliptic, posix.read_file(conf.ssl_cert_default))
    local cert, key = certificates.generate(0, "localhost", 10)
    posix.write_file(conf.ssl_cert_default, cert)
    posix.write_file(conf.ssl_cert_key_default, key)
    local second = assert(certificates.of(conf, true))
    assert.are.equal(2, #second.ssl)
    assert.are.equal(conf.ssl_cert_default, second.ssl[1].cert)
    assert.are.equal(elliptic, posix.read_file(conf.ssl_cert_default_ecdsa))
  end)

  it("stay in memory when nothing can be written", function()
    local material = assert(certificates.of(load(), false))
    assert.matches("^%-%-%-%-%-BEGIN CERTIFICATE", material.ssl[1].cert)
    assert.is_false(posix.exists(folder .. "/ssl/kong-default-ecdsa.crt"))
  end)

  it("are not made for listeners that have certificates or no TLS", function()
    local cert, key = certificates.generate(1, "a.test", 10)
    cert, key = cert:gsub("%\n$", ""), key:gsub("%\n$", "")
    local material = assert(certificates.of(load { ssl_cert = cert, ssl_cert_key = key }, true))
    assert.are.same({ ssl = { { cert = cert, key = key } } }, material)
    assert.are.same({}, certificates.of(load { proxy_listen = "127.0.0.1:1" }, true))
  end)
end)
