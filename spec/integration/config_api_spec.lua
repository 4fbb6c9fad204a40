local cjson = require "cjson"
local kgw = require "spec.support.kgw"
local posix = require "kgw.posix"


local function answer(body)
  return {
    _format_version = "3.0",
    routes = { { name = "r", paths = { "/r" }, plugins = { {
      name = "request-termination", config = { status_code = 200, body = body },
    } } } },
  }
end


local function new_node(workers)
  local admin = kgw.free_port()
  local node = kgw.new({ admin_listen = "127.0.0.1:" .. admin, nginx_worker_processes = workers }, cjson.encode(answer "file"))
  node.admin = admin
  return node:start()
end


local function post(node, path, body, kind)
  local sock = ngx.socket.tcp()
  sock:settimeout(10000)
  assert(sock:connect("127.0.0.1", node.admin))
  local text = type(body) == "table" and cjson.encode(body) or body
  assert(sock:send("POST " .. path .. " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
                   .. (kind or "application/json") .. "\r\nContent-Length: " .. #text .. "\r\n\r\n" .. text))
  local all = assert(sock:receive("*a"))
  sock:close()
  return tonumber(all:match("^HTTP/1%.1 (%d+)")), all:match("\r\n\r\n(.*)$")
end


-- Every one of many new connections gets this body: with several workers, all of them have it.
local function all_answer(node, expected)
  kgw.wait_for("the answer " .. expected .. " of every worker", 10, function()
    for _ = 1, 20 do
      local _, body = node:get("/r")
      if body ~= expected then
        return false
      end
    end
    return true
  end)
end


describe("POST /config", function()
  after_each(kgw.stop_all)

  it("reaches all workers", function()
    local node = new_node(3)
    all_answer(node, "file")
    assert.equal(201, (post(node, "/config", answer "one")))
    all_answer(node, "one")
    assert.equal(201, (post(node, "/config", "_format_version: '3.0'\nroutes: []\n", "text/yaml")))
    kgw.wait_for("no route", 10, function()
      return node:get("/r") == 404
    end)
  end)

  it("leaves the old configuration in use when the new one is wrong", function()
    local node = new_node(2)
    local wrong = answer "wrong"
    wrong.routes[1].colour = "red"
    local status, body = post(node, "/config", wrong)
    assert.equal(400, status)
    assert.same({ routes = { { colour = "unknown field" } } }, cjson.decode(body).fields)
    assert.equal(400, (post(node, "/config", "_format_version: [", "text/yaml")))
    all_answer(node, "file")
  end)

  it("is what a worker serves that takes the place of a dead one", function()
    local node = new_node(2)
    assert.equal(201, (post(node, "/config", answer "one")))
    all_answer(node, "one")
    local before = node:workers()
    posix.kill(before[1], 9)
    kgw.wait_for("a new worker", 10, function()
      local now = node:workers()
      return #now == 2 and now[1] ~= before[1] and now[2] ~= before[1]
    end)
    all_answer(node, "one")
  end)

  it("gives way to the file at a reload", function()
    local node = new_node(2)
    assert.equal(201, (post(node, "/config", answer "one")))
    all_answer(node, "one")
    assert.equal(0, (node:cli("reload")))
    all_answer(node, "file")
  end)

  it("is not ready with an empty configuration", function()
    local node = new_node(1)
    assert.equal(200, (node:get("/status/ready", nil, node.status)))
    assert.equal(201, (post(node, "/config", { _format_version = "3.0" })))
    local status, body = node:get("/status/ready", nil, node.status)
    assert.equal(503, status)
    assert.matches("empty configuration present", body)
  end)

  it("takes ten thousand routes while requests are answered", function()
    local node = new_node(2)
    local large = answer "large"
    for i = 1, 10000 do
      large.routes[i + 1] = { name = "r" .. i, paths = { "/p" .. i .. "/" } }
    end
    local text = cjson.encode(large)
    local is_over, wrong, right = false, {}, 0
    local asking = ngx.thread.spawn(function()
      while not is_over do
        local status, body = node:get("/r")
        if status == 200 then
          right = right + 1
        else
          wrong[#wrong + 1] = status or body
        end
      end
    end)
    assert.equal(201, (post(node, "/config", text)))
    all_answer(node, "large")
    is_over = true
    ngx.thread.wait(asking)
    assert.same({}, wrong)
    assert.is_true(right > 0)
  end)
end)
