-- rate-limiting: local counters over workers, Redis' counters and what happens without Redis.
local kgw = require "spec.support.kgw"


local function has_redis()
  return os.execute("command -v redis-server > /dev/null") == true
end


local ANSWER = "{name: request-termination, config: {status_code: 200}}"


local function gateway(limits, workers)
  local yml = '_format_version: "3.0"\nroutes:\n- name: r\n  paths: [/]\n  plugins:\n  - ' .. ANSWER
              .. "\n  - name: rate-limiting\n    config: " .. limits .. "\n"
  return kgw.new({ nginx_worker_processes = workers or 1 }, yml):start()
end


describe("rate-limiting", function()
  after_each(kgw.stop_all)

  it("counts together in all workers", function()
    local node = gateway("{hour: 5, policy: local}", 2)
    for i = 1, 5 do
      local status, _, head = node:get("/")
      assert.equal(200, status)
      assert.matches("X%-RateLimit%-Remaining%-Hour: " .. 5 - i .. "\r\n", head)
    end
    local status, body, head = node:get("/")
    assert.equal(429, status)
    assert.matches("API rate limit exceeded", body, 1, true)
    assert.matches("Retry%-After: %d+\r\n", head)
  end)

  it("goes on without Redis, or not, as told", function()
    local closed = kgw.free_port()
    local node = gateway("{hour: 1, policy: redis, redis: {host: 127.0.0.1, port: " .. closed .. "}}")
    assert.equal(200, (node:get("/")))
    assert.equal(200, (node:get("/")))
    node = gateway("{hour: 1, policy: redis, fault_tolerant: false, redis: {host: 127.0.0.1, port: " .. closed .. "}}")
    assert.equal(500, (node:get("/")))
  end)

  it("refuses to count in a cluster without a database", function()
    assert.has_error(function()
      gateway("{hour: 1, policy: cluster}")
    end)
  end)

  if not has_redis() then
    pending("shares counters in Redis")
    return
  end

  describe("with Redis", function()
    local port, pid_file

    setup(function()
      port, pid_file = kgw.free_port(), os.tmpname()
      os.execute("redis-server --port " .. port .. " --save '' --daemonize yes --pidfile " .. pid_file .. " > /dev/null")
      kgw.wait_for("redis", 3, function()
        return ngx.socket.tcp():connect("127.0.0.1", port)
      end)
    end)

    teardown(function()
      os.execute("kill $(cat " .. pid_file .. ")")
    end)

    it("shares counters between nodes", function()
      local limits = "{hour: 3, policy: redis, fault_tolerant: false, redis: {host: 127.0.0.1, port: " .. port .. "}}"
      local one, other = gateway(limits), gateway(limits)
      assert.equal(200, (one:get("/")))
      assert.equal(200, (other:get("/")))
      assert.equal(200, (one:get("/")))
      assert.equal(429, (other:get("/")))
      assert.equal(429, (one:get("/")))
    end)

    it("can send counts later", function()
      local limits = "{hour: 3, policy: redis, sync_rate: 0.1, redis: {host: 127.0.0.1, port: " .. port .. ", database: 1}}"
      local one, other = gateway(limits), gateway(limits)
      for _ = 1, 3 do
        assert.equal(200, (one:get("/")))
      end
      kgw.wait_for("the other node to know", 3, function()
        return (other:get("/")) == 429
      end)
    end)
  end)
end)
