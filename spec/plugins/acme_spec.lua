-- acme: certificates from a server that checks what it is sent (spec.support.acme_server).
local cjson = require "cjson.safe"
local kgw = require "spec.support.kgw"


local SERVER = [[
_format_version: "3.0"
routes:
- name: any
  paths: [/]
  plugins:
  - name: pre-function
    config: {access: ["dofile('${FOLDER}/spec/support/acme_server.lua').run('http://127.0.0.1:${PORT}', ${GATEWAY})"]}
]]

local GATEWAY = [[
_format_version: "3.0"
routes:
- name: any
  paths: [/]
  plugins: [{name: request-termination, config: {status_code: 200}}]
plugins:
- name: acme
  config:
    account_email: a@example.com
    api_uri: http://127.0.0.1:${PORT}/directory
    tos_accepted: true
    domains: [one.test, "*.more.test"]
    cert_type: ecc
]]


describe("acme", function()
  local node, admin, tls

  setup(function()
    local pipe = io.popen("pwd")
    local folder, port = pipe:read("*l"), kgw.free_port()
    pipe:close()
    admin, tls = kgw.free_port(), kgw.free_port()
    node = kgw.new({ admin_listen = "127.0.0.1:" .. admin }, (GATEWAY:gsub("${PORT}", port)))
    node:write_conf({ proxy_listen = "127.0.0.1:" .. node.proxy .. ", 127.0.0.1:" .. tls .. " ssl" })
    node:start()
    local yml = SERVER:gsub("${FOLDER}", folder):gsub("${PORT}", port):gsub("${GATEWAY}", node.proxy)
    kgw.new({ proxy_listen = "127.0.0.1:" .. port, untrusted_lua = "on" }, yml):start()
  end)

  teardown(kgw.stop_all)

  local function certificate_of(host)
    local pipe = io.popen("openssl s_client -connect 127.0.0.1:" .. tls .. " -servername " .. host
                          .. " < /dev/null 2> /dev/null | openssl x509 -noout -subject -issuer 2> /dev/null")
    local text = pipe:read("*a")
    pipe:close()
    return text
  end

  local function api(method, path, body)
    local res = assert(require("resty.http").new():request_uri("http://127.0.0.1:" .. admin .. path, {
      method = method,
      body = body and cjson.encode(body),
      headers = { ["Content-Type"] = body and "application/json" },
    }))
    return res.status, cjson.decode(res.body)
  end

  it("answers the sanity check and leaves other paths alone", function()
    local res = assert(require("resty.http").new():request_uri("http://127.0.0.1:" .. node.proxy, {
      path = "/.well-known/acme-challenge/x",
      headers = { Host = "one.test" },
    }))
    assert.same({ 404, "Not found\n" }, { res.status, res.body })
    assert.equal(200, (node:get("/.well-known/acme-challenge/x")))
    assert.equal(200, (node:get("/other")))
  end)

  it("gets a certificate when a client asks for the domain", function()
    assert.is_nil(certificate_of("one.test"):find("test ca", 1, true))
    kgw.wait_for("the certificate", 30, function()
      ngx.sleep(0.5)
      return certificate_of("one.test"):find("test ca", 1, true)
    end)
    assert.matches("one%.test", certificate_of("one.test"))
    assert.is_nil(certificate_of("two.test"):find("test ca", 1, true))
  end)

  it("gets certificates by the Admin API and lists them", function()
    local status, body = api("POST", "/acme", { host = "a:1" })
    assert.same({ 400, "port is not allowed in host" }, { status, body.message })
    status, body = api("POST", "/acme", { host = "a.more.test" })
    assert.same({ 201, "certificate for host a.more.test is created" }, { status, body.message })
    status, body = api("GET", "/acme/certificates/a.more.test")
    assert.equal(200, status)
    assert.equal("test ca", body.data.issuer_cn)
    assert.is_true(body.data.valid)
    assert.equal(2, #select(2, api("GET", "/acme/certificates")).data)
    assert.equal(404, (api("GET", "/acme/certificates/none.test")))
    assert.equal(202, (api("PATCH", "/acme")))
  end)
end)
