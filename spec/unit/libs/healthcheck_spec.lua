local healthcheck = require "resty.healthcheck"
local luasocket = require "socket"
local semaphore = require "ngx.semaphore"
local worker_events = require "kong.worker_events"

local count = 0
local POLL_S = 0.005


-- An upstream whose answer may change: {port, answer, requests, stop()}. It looks for work without keeping the loop.
local function serve(answer)
  local listener = assert(luasocket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  local server = { port = tonumber(port), answer = answer, requests = {} }
  listener:settimeout(0)
  local peers = {}
  local function look()
    local peer = listener:accept()
    if peer then
      peer:settimeout(0)
      peers[peer] = ""
    end
    for open, text in pairs(peers) do
      local _, _, part = open:receive("*a")
      text = text .. (part or "")
      peers[open] = text
      if text:find("\r\n\r\n", 1, true) and server.answer ~= "" then
        server.requests[#server.requests + 1] = text
        open:send(server.answer)
        open:close()
        peers[open] = nil
      end
    end
  end
  local thread = ngx.thread.spawn(function()
    while not server.is_over do
      look()
      ngx.sleep(POLL_S)
    end
    listener:close()
  end)
  function server.stop()
    server.is_over = true
    ngx.thread.wait(thread)
  end
  return server
end


local function new(checks, opts)
  count = count + 1
  opts = opts or {}
  opts.name, opts.shm_name, opts.events_module = opts.name or "spec" .. count, "spec", "resty.events"
  opts.checks = checks
  local checker = assert(healthcheck.new(opts))
  local queue, at, sema = {}, 0, semaphore.new()
  worker_events.register(function(data, event)
    queue[#queue + 1] = { event, data.ip, data.port, data.hostname }
    sema:post(1)
  end, checker.EVENT_SOURCE)
  return checker, function()
    assert(sema:wait(5))
    at = at + 1
    return queue[at]
  end
end


local function added(checks, is_healthy)
  local checker, next_event = new(checks)
  assert.is_true(checker:add_target("127.0.0.1", 8080, "h", is_healthy))
  next_event()
  return checker, next_event
end


describe("resty.healthcheck", function()
  setup(function()
    if not worker_events.configured() then
      worker_events.start_worker()
    end
  end)

  it("refuses options that cannot be", function()
    for _, case in ipairs {
      { { shm_name = "spec" }, "required option 'name' is missing" },
      { { name = "n" }, "required option 'shm_name' is missing" },
      { { name = "n", shm_name = "none" }, "no shm found by name 'none'" },
      { { name = "n", shm_name = "spec", events_module = "x" }, "unknown events module" },
      { { name = "n", shm_name = "spec", checks = { active = { type = "udp" } } },
        "checks.active.type can only be 'http', 'https' or 'tcp', got 'udp'" },
      { { name = "n", shm_name = "spec", checks = { active = { timeout = "1" } } }, "checks.active.timeout: invalid value" },
      { { name = "n", shm_name = "spec", checks = { active = { healthy = { interval = -1 } } } },
        "checks.active.healthy.interval: must be between 0 and 2147483647" },
      { { name = "n", shm_name = "spec", checks = { passive = { unhealthy = { timeouts = 255 } } } },
        "checks.passive.unhealthy.timeouts must be at most 254" },
    } do
      assert.has_error(function() healthcheck.new(case[1]) end, case[2])
    end
  end)

  it("adds and removes targets, in all checkers of the name", function()
    local checker, next_event = new()
    assert.same({ nil, "target not found" }, { checker:get_target_status("127.0.0.1", 8080, "h") })
    assert.is_true(checker:add_target("127.0.0.1", 8080, "h"))
    assert.is_true(checker:add_target("127.0.0.1", 8080, "h", false))
    assert.is_true(checker:add_target("127.0.0.2", 8080, nil, false))
    assert.same({ "healthy", "127.0.0.1", 8080, "h" }, next_event())
    assert.same({ "unhealthy", "127.0.0.2", 8080, "127.0.0.2" }, next_event())
    assert.is_true(checker:get_target_status("127.0.0.1", 8080, "h"))
    assert.is_false(checker:get_target_status("127.0.0.2", 8080))
    local other = new(nil, { name = checker.name })
    assert.is_false(other:get_target_status("127.0.0.2", 8080))
    assert.is_true(checker:remove_target("127.0.0.2", 8080))
    assert.is_true(checker:remove_target("127.0.0.9", 8080))
    assert.same({ "remove", "127.0.0.2", 8080, "127.0.0.2" }, next_event())
    assert.is_nil((other:get_target_status("127.0.0.2", 8080)))
    local list = healthcheck.get_target_list(checker.name, "spec")
    assert.same({ { ip = "127.0.0.1", port = 8080, hostname = "h", status = "healthy",
                    counter = { success = 0, http_failure = 0, tcp_failure = 0, timeout_failure = 0 } } }, list)
    assert.is_true(checker:clear())
    assert.equal("clear", next_event()[1])
    assert.same({}, checker.targets)
    assert.same({}, healthcheck.get_target_list(checker.name, "spec"))
  end)

  it("counts failures of each kind until a limit", function()
    local checker, next_event = added { passive = { unhealthy = { tcp_failures = 2, http_failures = 3, timeouts = 0 },
                                                    healthy = { successes = 2 } } }
    assert.is_true(checker:report_timeout("127.0.0.1", 8080, "h"))
    assert.is_true(checker:report_success("127.0.0.1", 8080, "h"))
    assert.is_true(checker:report_http_status("127.0.0.1", 8080, "h", 500))
    assert.equal("mostly_healthy", next_event()[1])
    assert.is_true(checker:get_target_status("127.0.0.1", 8080, "h"))
    assert.is_nil(checker:report_http_status("127.0.0.1", 8080, "h", 418))
    assert.is_true(checker:report_tcp_failure("127.0.0.1", 8080, "h", "connect"))
    assert.is_true(checker:report_tcp_failure("127.0.0.1", 8080, "h", "connect"))
    assert.equal("unhealthy", next_event()[1])
    assert.is_false(checker:get_target_status("127.0.0.1", 8080, "h"))
    assert.is_true(checker:report_http_status("127.0.0.1", 8080, "h", 200))
    assert.equal("mostly_unhealthy", next_event()[1])
    assert.is_false(checker:get_target_status("127.0.0.1", 8080, "h"))
    assert.is_true(checker:report_success("127.0.0.1", 8080, "h"))
    assert.equal("healthy", next_event()[1])
    local counter = healthcheck.get_target_list(checker.name, "spec")[1].counter
    assert.same({ success = 2, http_failure = 0, tcp_failure = 0, timeout_failure = 0 }, counter)
    assert.is_true(checker:report_failure("127.0.0.9", 1, "nobody"))
  end)

  it("forgets successes with a failure and failures with a success", function()
    local checker, next_event = added({ passive = { unhealthy = { timeouts = 2 }, healthy = { successes = 200 } } }, false)
    for _ = 1, 130 do
      checker:report_success("127.0.0.1", 8080, "h")
    end
    assert.equal("mostly_unhealthy", next_event()[1])
    assert.equal(130, healthcheck.get_target_list(checker.name, "spec")[1].counter.success)
    checker:report_timeout("127.0.0.1", 8080, "h")
    assert.same({ success = 0, http_failure = 0, tcp_failure = 0, timeout_failure = 1 },
                healthcheck.get_target_list(checker.name, "spec")[1].counter)
  end)

  it("sets states by hand", function()
    local checker, next_event = added()
    assert.is_true(checker:set_target_status("127.0.0.1", 8080, "h", false))
    assert.equal("unhealthy", next_event()[1])
    assert.is_true(checker:set_target_status("127.0.0.9", 8080, "h", false))
    checker:add_target("127.0.0.3", 8080, "h", false)
    next_event()
    assert.is_true(checker:set_all_target_statuses_for_hostname("h", 8080, true))
    assert.equal("healthy", next_event()[1])
    assert.equal("healthy", next_event()[1])
    assert.is_true(checker:get_target_status("127.0.0.3", 8080, "h"))
    assert.has_error(function() checker:set_target_status("127.0.0.3", 8080, "h") end)
    assert.has_error(function() return checker.events.nothing end, "'nothing' is not a valid event name")
  end)

  it("removes late those that nobody adds again", function()
    local checker, next_event = added()
    checker:add_target("127.0.0.2", 1)
    next_event()
    assert.is_true(checker:delayed_clear(5))
    assert.is_true(checker:add_target("127.0.0.1", 8080, "h"))
    checker:purge(ngx.now() + 4)
    checker:purge(ngx.now() + 6)
    assert.same({ "remove", "127.0.0.2", 1, "127.0.0.2" }, next_event())
    assert.is_true(checker:get_target_status("127.0.0.1", 8080, "h"))
  end)

  it("checks over HTTP", function()
    local server = serve("HTTP/1.1 200 OK\r\n\r\n")
    local checker, next_event = new { active = { http_path = "/health", headers = { ["X-A"] = { "1", "2" } },
      healthy = { interval = 0.1, successes = 1 }, unhealthy = { interval = 0.1, http_failures = 1 } } }
    checker:add_target("127.0.0.1", server.port, "name", false, "header")
    assert.equal("unhealthy", next_event()[1])
    assert.equal("healthy", next_event()[1])
    assert.equal("GET /health HTTP/1.0\r\nX-A: 1\r\nX-A: 2\r\nHost: header\r\n\r\n", server.requests[1])
    server.answer = "HTTP/1.1 503 Busy\r\n\r\n"
    assert.equal("unhealthy", next_event()[1])
    server.answer = "HTTP/1.0 302 Found\r\n\r\n"
    assert.equal("healthy", next_event()[1])
    server.answer = "nonsense\r\n\r\n"
    assert.equal("unhealthy", next_event()[1])
    checker:stop()
    server.stop()
  end)

  it("checks connections, and tells refusals from timeouts", function()
    local server = serve("")
    local checker, next_event = new { active = { type = "tcp", healthy = { interval = 0.1, successes = 1 },
                                                 unhealthy = { interval = 0.1, tcp_failures = 1 } } }
    checker:add_target("127.0.0.1", server.port, nil, false)
    assert.equal("unhealthy", next_event()[1])
    assert.equal("healthy", next_event()[1])
    local silent, next_silent = new { active = { timeout = 0.05, healthy = { interval = 0.1 }, unhealthy = { timeouts = 1, tcp_failures = 0 } } }
    silent:add_target("127.0.0.1", server.port)
    assert.equal("healthy", next_silent()[1])
    assert.equal("unhealthy", next_silent()[1])
    silent:stop()
    server.stop()
    assert.equal("unhealthy", next_event()[1])
    checker:stop()
  end)

  it("is forgotten with its checker", function()
    local checker = setmetatable({ new() }, { __mode = "v" })
    worker_events.poll()
    collectgarbage()
    collectgarbage()
    assert.is_nil(checker[1])
  end)
end)
