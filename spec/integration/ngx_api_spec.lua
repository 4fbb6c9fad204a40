-- The ngx API in a running gateway, through routes whose plugin is Lua text.
local cjson = require "cjson"
local kgw = require "spec.support.kgw"

local ROUTES = {
  ["/flush"] = { access = [[
    ngx.print("first ") ngx.flush(true) ngx.sleep(0.2) ngx.print("second") ngx.exit(200)]] },
  ["/many"] = { access = [[
    for i = 1, 200 do ngx.print(("x"):rep(20000)) ngx.flush(true) end ngx.exit(200)]] },
  ["/nested"] = { access = [[
    local co = coroutine.wrap(function() ngx.sleep(0.001) coroutine.wrap(function() ngx.exit(404) end)() end)
    pcall(co) ngx.say("went on")]] },
  ["/thread"] = { access = [[
    ngx.thread.spawn(function() ngx.sleep(0.001) ngx.status = 403 ngx.say("from a thread") ngx.exit(403) end)
    ngx.sleep(5) ngx.say("went on")]] },
  ["/order"] = { access = [[ngx.ctx.steps = { ngx.get_phase() }]],
                 header_filter = [[table.insert(ngx.ctx.steps, ngx.get_phase()) ngx.header["Content-Length"] = nil]],
                 body_filter = [[
    table.insert(ngx.ctx.steps, #ngx.arg[1] .. tostring(ngx.arg[2]))
    if ngx.arg[2] then ngx.arg[1] = table.concat(ngx.ctx.steps, " ") else ngx.arg[1] = nil end]] },
  ["/hello"] = { access = [[ngx.print("hello") ngx.exit(200)]] },
  ["/wait"] = { access = [[ngx.sleep(0.3) ngx.shared.kong:incr("waited", 1, 0) ngx.say("late")]] },
  ["/waited"] = { access = [[ngx.say(ngx.shared.kong:get("waited") or 0) ngx.exit(200)]] },
  ["/body"] = { access = [[ngx.sleep(0.001) ngx.req.read_body() ngx.say(#(ngx.req.get_body_data() or "")) ngx.exit(200)]] },
  ["/late"] = { access = [[ngx.print("sent") ngx.header["X-Late"] = "1" ngx.status = 500 ngx.exit(500)]],
                header_filter = [[ngx.header["X-Filter"] = "ran"]] },
  ["/broken"] = { access = [[ngx.say("x") ngx.exit(200)]], header_filter = [[error("filter broke")]] },
}


local function config(node)
  local services = { { name = "own", url = "http://127.0.0.1:" .. node.proxy .. "/hello", routes = {} } }
  local routes = services[1].routes
  for path, code in pairs(ROUTES) do
    local phases = {}
    for phase, text in pairs(code) do
      phases[phase] = { text }
    end
    routes[#routes + 1] = { name = path:sub(2), paths = { path }, plugins = { { name = "pre-function", config = phases } } }
  end
  return cjson.encode({ _format_version = "3.0", services = services })
end


describe("the ngx API", function()
  local node

  setup(function()
    node = kgw.new({ plugins = "pre-function", untrusted_lua = "on", nginx_http_client_max_body_size = "100k" })
    node:write("kong.yml", config(node))
    node:write_conf({ declarative_config = node.folder .. "/kong.yml" })
    node:start()
  end)

  teardown(kgw.stop_all)

  local function send(text)
    local sock = ngx.socket.tcp()
    sock:settimeout(3000)
    assert(sock:connect("127.0.0.1", node.proxy))
    assert(sock:send(text))
    return sock
  end

  it("sends what was flushed before the phase ends", function()
    local sock = send("GET /flush HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    repeat
      local line = assert(sock:receive("*l"))
    until line == ""
    ngx.update_time()
    local begun = ngx.now()
    assert.equal("6", (assert(sock:receive("*l"))))
    assert.equal("first ", (assert(sock:receive(6))))
    ngx.update_time()
    assert.is_true(ngx.now() - begun < 0.15)
    assert.matches("second", (assert(sock:receive("*a"))))
    sock:close()
  end)

  it("waits with flush for a client that reads slowly, and loses nothing", function()
    local sock = send("GET /many HTTP/1.0\r\nHost: a\r\n\r\n")
    ngx.sleep(0.1)
    local body = assert(sock:receive("*a")):match("\r\n\r\n(.*)$")
    assert.equal(200 * 20000, #body)
    sock:close()
  end)

  it("ends the request from any depth of coroutines", function()
    local status, body = node:get("/nested")
    assert.equal(404, status)
    assert.not_matches("went on", body)
  end)

  it("ends the request from a light thread", function()
    local status, body = node:get("/thread")
    assert.equal(403, status)
    assert.matches("from a thread", body)
    assert.not_matches("went on", body)
  end)

  it("keeps the context through the phases and gives the end of a body by itself", function()
    local status, body = node:get("/order")
    assert.equal(200, status)
    assert.matches("access header_filter 5false 0true", body)
  end)

  it("finishes what a client that went away has begun", function()
    send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"):close()
    kgw.wait_for("the handler to go on", 3, function()
      local _, body = node:get("/waited")
      return body:find("\r\n1\n", 1, true) ~= nil
    end)
  end)

  it("refuses a body that is too large, also when Lua has waited before it asks", function()
    local sock = send("POST /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n")
    assert.matches("^HTTP/1.1 413 ", (assert(sock:receive("*l"))))
    sock:close()
    sock = send("POST /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nabcde")
    assert.matches("\r\n5\n", (assert(sock:receive("*a"))))
    sock:close()
  end)

  it("does not change a head that output has committed", function()
    local status, body, head = node:get("/late")
    assert.equal(200, status)
    assert.equal("4\r\nsent\r\n0\r\n\r\n", body)
    assert.matches("X%-Filter: ran", head)
    assert.not_matches("X%-Late", head)
    assert.matches("attempt to set ngx.header.X%-Late after sending out response headers", node:error_log())
  end)

  it("cuts a response whose header filter fails", function()
    assert.is_nil((node:get("/broken")))
    assert.equal(200, (node:get("/hello")))
  end)
end)
