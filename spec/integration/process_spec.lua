local kgw = require "spec.support.kgw"
local posix = require "kgw.posix"


local YML = [[
_format_version: "3.0"
routes:
- name: count
  paths: [/count]
  plugins:
  - name: pre-function
    config:
      access:
      - |
        kong.response.exit(200, tostring(ngx.shared.kong:incr("process_spec", 1, 0)))
- name: slow
  paths: [/slow]
  plugins:
  - name: pre-function
    config:
      access:
      - |
        ngx.sleep(0.5)
        kong.response.exit(200, "slow")
]]


local function start(conf)
  conf = conf or {}
  conf.untrusted_lua = "on"
  return kgw.new(conf, YML):start()
end


local function count(node)
  local status, body = node:get("/count")
  return status == 200 and tonumber(body:match("%d+")) or nil
end


local function has_ended(pid)
  return function()
    return posix.has_ended(pid)
  end
end


describe("shared dictionaries", function()
  after_each(kgw.stop_all)

  it("outlive a worker that is killed", function()
    local node = start()
    assert.are.equal(1, count(node))
    local before = node:workers()[1]
    posix.kill(before, posix.SIGKILL)
    kgw.wait_for("another worker", 5, function()
      local now = node:workers()[1]
      return now and now ~= before
    end)
    assert.are.equal(2, kgw.wait_for("an answer", 5, function()
      return count(node)
    end))
  end)

  it("outlive a reload", function()
    local node = start()
    assert.are.equal(1, count(node))
    posix.kill(node:pid(), posix.SIGHUP)
    kgw.wait_for("the reload", 10, function()
      return node:error_log():find("configuration reloaded", 1, true)
    end)
    assert.are.equal(2, count(node))
  end)

  it("are common to all workers", function()
    local node = start { nginx_worker_processes = 2 }
    local last
    for i = 1, 20 do
      last = count(node)
      assert.are.equal(i, last)
    end
    assert.are.equal(2, #node:workers())
  end)
end)


describe("a node that is told to stop", function()
  after_each(kgw.stop_all)

  for name, signal in pairs { SIGTERM = posix.SIGTERM, SIGQUIT = posix.SIGQUIT } do
    it("finishes what it began, after " .. name, function()
      local node = start()
      local pid = node:pid()
      local status, body
      local thread = ngx.thread.spawn(function()
        status, body = node:get("/slow")
      end)
      kgw.wait_for("the request to be under way", 5, function()
        return select(2, node:get("/count")) and true
      end)
      posix.kill(pid, signal)
      ngx.thread.wait(thread)
      assert.are.equal(200, status)
      assert.are.equal("slow", body)
      kgw.wait_for("the end", 10, has_ended(pid))
    end)
  end

  it("answers a waiting connection once more and says that it closes", function()
    local node = start()
    local pid = node:pid()
    local sock = ngx.socket.tcp()
    sock:settimeout(3000)
    assert(sock:connect("127.0.0.1", node.proxy))
    assert(sock:send("GET /count HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    assert.are.equal("HTTP/1.1 200 OK", sock:receive("*l"))
    while sock:receive("*l") ~= "" do end
    assert(sock:receive(1))
    posix.kill(pid, posix.SIGTERM)
    kgw.wait_for("the drain", 5, function()
      return node:error_log():find("worker is draining", 1, true)
    end)
    assert(sock:send("GET /count HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    local text = sock:receive("*a")
    assert.matches("HTTP/1.1 200 OK", text, 1, true)
    assert.matches("Connection: close", text, 1, true)
    kgw.wait_for("the end", 10, has_ended(pid))
  end)

  it("does not wait longer than worker_shutdown_timeout", function()
    local node = start { nginx_main_worker_shutdown_timeout = "1s" }
    local pid = node:pid()
    local sock = ngx.socket.tcp()
    assert(sock:connect("127.0.0.1", node.proxy))
    assert(sock:send("POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx"))
    posix.kill(pid, posix.SIGTERM)
    kgw.wait_for("the end", 6, has_ended(pid))
    sock:close()
  end)
end)
