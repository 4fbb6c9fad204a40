local cjson = require "cjson"
local kgw = require "spec.support.kgw"


local CONFIG = cjson.encode {
  _format_version = "3.0",
  services = { { name = "s", host = "h", tags = { "a", "b" }, routes = { { name = "r", paths = { "/r" } } } }, { name = "t", host = "h" } },
  consumers = { { username = "ann", keyauth_credentials = { { key = "k" } }, acls = { { group = "g" } } } },
  upstreams = { { name = "u.test", targets = { { target = "127.0.0.1:1" } } } },
}


local function new_node(conf, yml)
  local admin = kgw.free_port()
  local all = { admin_listen = "127.0.0.1:" .. admin, plugins = "key-auth,acl,cors,rate-limiting" }
  for name, value in pairs(conf or {}) do
    all[name] = value
  end
  local node = kgw.new(all, yml)
  node.admin = admin
  return node:start()
end


-- One request to the Admin API: status, decoded body or text, head.
local function ask(node, method, path, body, kind)
  local sock = ngx.socket.tcp()
  sock:settimeout(10000)
  assert(sock:connect("127.0.0.1", node.admin))
  local text = type(body) == "table" and cjson.encode(body) or body or ""
  local lines = { method .. " " .. path .. " HTTP/1.1", "Host: localhost", "Connection: close" }
  if text ~= "" then
    lines[#lines + 1] = "Content-Type: " .. (kind or "application/json")
    lines[#lines + 1] = "Content-Length: " .. #text
  end
  assert(sock:send(table.concat(lines, "\r\n") .. "\r\n\r\n" .. text))
  local all = assert(sock:receive("*a"))
  sock:close()
  local head, answer = all:match("^(.-\r\n)\r\n(.*)$")
  local ok, decoded = pcall(cjson.decode, answer)
  return tonumber(head:match("^HTTP/1%.1 (%d+)")), ok and decoded or answer, head
end


local function names(list)
  local out = {}
  for i, row in ipairs(list.data) do
    out[i] = row.name
  end
  table.sort(out)
  return out
end


describe("the Admin API without a database", function()
  local node
  setup(function()
    node = new_node(nil, CONFIG)
  end)
  teardown(kgw.stop_all)

  it("shows entities by id, by name and below their parents", function()
    local status, service = ask(node, "GET", "/services/s")
    assert.equal(200, status)
    assert.equal(cjson.null, service.path)
    assert.equal(service.id, select(2, ask(node, "GET", "/services/" .. service.id)).id)
    assert.same({ "r" }, names(select(2, ask(node, "GET", "/services/s/routes"))))
    assert.equal("s", select(2, ask(node, "GET", "/routes/r/service")).name)
    assert.equal("k", select(2, ask(node, "GET", "/consumers/ann/key-auth/k")).key)
    assert.equal("g", select(2, ask(node, "GET", "/consumers/ann/acls/g")).group)
    assert.equal(404, (ask(node, "GET", "/services/nope")))
    assert.equal(404, (ask(node, "GET", "/nope")))
  end)

  it("pages and filters lists", function()
    local _, first = ask(node, "GET", "/services?size=1")
    assert.equal(1, #first.data)
    local _, second = ask(node, "GET", first.next)
    assert.not_equal(first.data[1].id, second.data[1].id)
    assert.same({ "s" }, names(select(2, ask(node, "GET", "/services?tags=a,b"))))
    assert.same({}, names(select(2, ask(node, "GET", "/services?tags=a,x"))))
    local status, err = ask(node, "GET", "/services?size=0")
    assert.same({ 400, "size must be an integer between 1 and 1000" }, { status, err.message })
  end)

  it("refuses writes after it has told what is wrong with them", function()
    local status, err = ask(node, "POST", "/services", { name = "x" })
    assert.same({ 400, "schema violation (host: required field missing)" }, { status, err.message })
    status, err = ask(node, "POST", "/services", { name = "x", host = "h" })
    assert.same({ 405, "cannot create 'services' entities when not using a database" }, { status, err.message })
    assert.equal(405, (ask(node, "DELETE", "/services/s")))
    assert.equal(204, (ask(node, "DELETE", "/services/nope")))
    assert.equal(400, (ask(node, "POST", "/services", "{")))
    assert.equal(415, (ask(node, "POST", "/services", "a", "text/plain")))
  end)

  it("answers OPTIONS and HEAD", function()
    local status, _, head = ask(node, "OPTIONS", "/services")
    assert.equal(204, status)
    assert.matches("Allow: GET, HEAD, OPTIONS, POST", head, 1, true)
    local body
    status, body = ask(node, "HEAD", "/services/s")
    assert.equal(200, status)
    assert.equal("", body)
  end)

  it("gives back a configuration that gives the same rows", function()
    local before = select(2, ask(node, "GET", "/services"))
    local _, answer = ask(node, "GET", "/config")
    assert.equal(201, (ask(node, "POST", "/config", answer.config, "text/yaml")))
    assert.same(before, select(2, ask(node, "GET", "/services")))
  end)

  it("tells about the node", function()
    local _, root = ask(node, "GET", "/")
    assert.equal("Welcome to kong", root.tagline)
    assert.equal("******", root.configuration.pg_password or "******")
    local _, status = ask(node, "GET", "/status")
    assert.is_string(status.configuration_hash)
    assert.is_number(status.server.total_requests)
    local _, endpoints = ask(node, "GET", "/endpoints")
    local seen = {}
    for _, path in ipairs(endpoints.data) do
      seen[path] = true
    end
    assert.is_true(seen["/consumers/{consumers}/key-auth/{keyauth_credentials}"])
    assert.is_true(seen["/schemas/plugins/{name}"])
  end)
end)


describe("the Admin API with a database", function()
  after_each(kgw.stop_all)

  it("creates, changes and deletes, and traffic follows", function()
    local node = new_node { database = "lmdb" }
    assert.equal(201, (ask(node, "POST", "/services", "name=s&host=127.0.0.1&port=1&tags[]=x", "application/x-www-form-urlencoded")))
    assert.equal(201, (ask(node, "POST", "/routes", { name = "r", paths = { "/r" }, service = { name = "s" } })))
    kgw.wait_for("the route", 5, function()
      return node:get("/r") == 502
    end)
    local status, service = ask(node, "PATCH", "/services/s", { retries = 0 })
    assert.same({ 200, 0, 1 }, { status, service.retries, service.port })
    assert.equal(409, (ask(node, "POST", "/services", { name = "s", host = "h" })))
    local err
    status, err = ask(node, "DELETE", "/services/s")
    assert.same({ 400, "an existing 'routes' entity references this 'services' entity" }, { status, err.message })
    assert.equal(204, (ask(node, "DELETE", "/routes/r")))
    assert.equal(204, (ask(node, "DELETE", "/services/s")))
    kgw.wait_for("no route", 5, function()
      return node:get("/r") == 404
    end)
  end)

  it("hashes a password once, with the consumer whose it is", function()
    local node = new_node { database = "lmdb", plugins = "basic-auth" }
    assert.equal(201, (ask(node, "POST", "/consumers", { username = "ann" })))
    local _, made = ask(node, "POST", "/consumers/ann/basic-auth", { username = "u", password = "p" })
    local status, tagged = ask(node, "PATCH", "/basic-auths/" .. made.id, { tags = { "t" } })
    assert.same({ 200, made.password }, { status, tagged.password })
    local err
    status, err = ask(node, "PATCH", "/basic-auths/" .. made.id, { password = "p" })
    assert.same({ 400, "schema violation (all or none of these fields must be set: 'password', 'consumer.id')" }, { status, err.message })
    status, tagged = ask(node, "PATCH", "/consumers/ann/basic-auth/u", { password = "p" })
    assert.same({ 200, made.password }, { status, tagged.password })
  end)

  it("puts a certificate with the names that are given, and the one in the path", function()
    local node = new_node { database = "lmdb" }
    local key = assert(require("resty.openssl.pkey").new { type = "EC", curve = "prime256v1" })
    local cert = assert(require("resty.openssl.x509").new())
    assert(cert:set_version(3))
    assert(cert:set_not_before(ngx.time()))
    assert(cert:set_not_after(ngx.time() + 60))
    assert(cert:set_pubkey(key))
    assert(cert:sign(key))
    local function put(path, names)
      local status, made = ask(node, "PUT", "/certificates/" .. path, { cert = cert:to_PEM(), key = key:to_PEM("private"), snis = names })
      assert.same({ 200 }, { status, made.message })
      table.sort(made.snis)
      return made
    end
    local made = put("a.test", { "b.test" })
    assert.same({ "a.test", "b.test" }, made.snis)
    assert.same({}, put(made.id).snis)
    assert.equal(404, (ask(node, "GET", "/snis/b.test")))
  end)

  it("wants plugins to speak a protocol of their route, or of a route of their service", function()
    local node = new_node { database = "lmdb" }
    assert.equal(201, (ask(node, "POST", "/services", { name = "s", host = "h" })))
    local grpc = { name = "cors", protocols = { "grpc" } }
    local status, made = ask(node, "POST", "/services/s/plugins", grpc)
    assert.equal(201, status)
    assert.equal(201, (ask(node, "POST", "/services/s/routes", { name = "r", paths = { "/r" } })))
    local body
    status, body = ask(node, "POST", "/routes/r/plugins", grpc)
    assert.same({ 400, { protocols = "must match the associated route's protocols" } }, { status, body.fields })
    status, body = ask(node, "PATCH", "/plugins/" .. made.id, { protocols = { "grpcs" } })
    assert.same({ 400, { protocols = "must match the protocols of at least one route pointing to this Plugin's service" } }, { status, body.fields })
    assert.equal(201, (ask(node, "POST", "/routes/r/plugins", { name = "cors", protocols = { "grpc", "http" } })))
  end)

  it("has no chains of WebAssembly filters", function()
    local node = new_node { database = "lmdb" }
    for _, path in ipairs { "/filter-chains", "/filter-chains/x", "/filter-chains/x/route", "/services/s/filter-chains", "/routes/r/filter-chains/x" } do
      local status, body = ask(node, "GET", path)
      assert.same({ 400, { message = "this endpoint is only available when wasm is enabled" } }, { status, body })
    end
  end)

  it("says at once that a plugin is not there", function()
    local node = new_node { database = "lmdb" }
    local status, body = ask(node, "PATCH", "/plugins/5d3ca3ba-9c03-4df8-9d4f-bc0e1d7a4d86", { name = "nope" })
    assert.same({ 404, { message = "Not found" } }, { status, body })
  end)

  it("keeps what was written over a restart", function()
    local node = new_node { database = "lmdb" }
    assert.equal(200, (ask(node, "PUT", "/consumers/ann", { custom_id = "7" })))
    assert.equal(201, (ask(node, "POST", "/consumers/ann/key-auth", { key = "k" })))
    assert.equal(0, (node:cli("stop")))
    node:start()
    assert.equal("7", select(2, ask(node, "GET", "/consumers/ann")).custom_id)
    assert.equal(204, (ask(node, "DELETE", "/consumers/ann")))
    assert.equal(404, (ask(node, "GET", "/key-auths/k")))
  end)
end)
