-- resty.acme as plugins use it; the server is played by the spec.
local cjson = require "cjson"
local http = require "resty.http"
local pkey = require "resty.openssl.pkey"


describe("resty.acme", function()
  local request_uri = http.request_uri
  local posts


  local function server(_, url, params)
    if url == "http://ca/dir" then
      return { status = 200, headers = {}, body = '{"newNonce":"http://ca/nonce","newAccount":"http://ca/account","newOrder":"http://ca/order"}' }
    elseif url == "http://ca/nonce" then
      return { status = 200, headers = { ["Replay-Nonce"] = "n1" } }
    end
    posts[#posts + 1] = { url = url, body = cjson.decode(params.body) }
    local answers = {
      ["http://ca/account"] = { status = 201, headers = { Location = "http://ca/me" }, body = "{}" },
      ["http://ca/order"] = { status = 201, headers = { Location = "http://ca/order/1" },
        body = '{"status":"ready","authorizations":[],"finalize":"http://ca/finalize"}' },
      ["http://ca/finalize"] = { status = 200, headers = {}, body = '{"status":"valid","certificate":"http://ca/cert"}' },
      ["http://ca/cert"] = { status = 200, headers = {}, body = "a certificate" },
    }
    return answers[url]
  end


  before_each(function()
    posts = {}
    http.request_uri = server
  end)


  after_each(function()
    http.request_uri = request_uri
  end)


  it("makes an account and orders a certificate", function()
    local util = require "resty.acme.util"
    local client = assert(require("resty.acme.client").new({
      api_uri = "http://ca/dir",
      account_email = "a@example.com",
      account_key = util.create_pkey(2048, "RSA"),
      storage_adapter = "shm",
      storage_config = { shm_name = "kong" },
    }))
    assert.is_nil(client:init())
    assert.equal("http://ca/me", client:new_account())
    assert.equal("a certificate", client:order_certificate(util.create_pkey(nil, "EC", "prime256v1"), "example.com"))
    local payload = cjson.decode(util.decode_base64url(posts[1].body.payload))
    assert.same({ "mailto:a@example.com" }, payload.contact)
  end)


  it("keeps things by the interface of storages", function()
    local storage = assert(require("resty.acme.storage.shm").new({ shm_name = "kong" }))
    assert.is_nil(storage:set("acme-a", "1"))
    assert.equal("1", storage:get("acme-a"))
    assert.equal("exists", storage:add("acme-a", "2"))
    assert.same({ "acme-a" }, storage:list("acme-"))
    assert.is_nil(storage:delete("acme-a"))
    assert.is_nil(storage:get("acme-a"))
  end)


  it("wants an account's key", function()
    assert.same({ nil, "account_key is not defined" }, { require("resty.acme.client").new({ api_uri = "x" }) })
    assert.is_string(require("resty.acme.util").thumbprint(pkey.new({ type = "EC", curve = "prime256v1" })))
  end)
end)
