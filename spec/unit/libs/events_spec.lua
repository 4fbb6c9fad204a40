local events = require "resty.events"
local semaphore = require "ngx.semaphore"

local count = 0


local function new(opts)
  count = count + 1
  opts = opts or {}
  opts.listening = "unix:events_spec_" .. count .. ".sock"
  local ev = events.new(opts)
  assert.is_true(ev:init_worker())
  return ev
end


-- Subscribes to all and returns a function that waits for the next event: {source, event, data, wid}.
local function listen(ev, source, event)
  local queue, at, sema = {}, 0, semaphore.new()
  local id = ev:subscribe(source or "*", event or "*", function(data, name, from, wid)
    queue[#queue + 1] = { from, name, data, wid }
    sema:post(1)
  end)
  return function()
    assert(sema:wait(5))
    at = at + 1
    return queue[at]
  end, id, queue
end


describe("resty.events", function()
  it("refuses options that cannot be", function()
    for _, case in ipairs {
      { {}, '"listening" option required to start' },
      { { listening = "/tmp/x" }, '"listening" option must start with unix:' },
      { { listening = 1 }, '"listening" option must be a string' },
      { { listening = "unix:x", broker_id = "a" }, '"broker_id" option must be a number' },
      { { listening = "unix:x", broker_id = 999 }, '"broker_id" option is invalid' },
      { { listening = "unix:x", unique_timeout = 0 }, '"unique_timeout" must be greater than 0' },
      { { listening = "unix:x", unique_timeout = "a" }, 'optional "unique_timeout" option must be a number' },
      { { listening = "unix:x", max_queue_len = -1 }, '"max_queue_len" option is invalid' },
      { { listening = "unix:x", max_payload_len = 2 ^ 25 }, '"max_payload_len" option is invalid' },
      { { listening = "unix:x", testing = 1 }, '"testing" option must be a boolean' },
    } do
      assert.has_error(function() events.new(case[1]) end, case[2])
    end
    assert.has_error(function() events.new() end, "Expected a table, got nil")
  end)

  it("brings events to the subscribers that match, in order", function()
    local ev = new()
    local next_event = listen(ev)
    local next_of_source = listen(ev, "a")
    local next_of_event = listen(ev, "a", "x")
    local other = select(3, listen(ev, "a", "z"))
    assert.is_true(ev:publish("all", "a", "x", { n = 1 }))
    assert.is_true(ev:publish("all", "b", "y"))
    assert.is_true(ev:publish("all", "a", "y", false))
    assert.same({ "a", "x", { n = 1 }, ngx.worker.id() }, next_event())
    assert.same({ "b", "y", nil, ngx.worker.id() }, next_event())
    assert.same({ "a", "y", false, ngx.worker.id() }, next_event())
    assert.same({ "a", "x", { n = 1 }, ngx.worker.id() }, next_of_source())
    assert.equal("y", next_of_source()[2])
    assert.equal("x", next_of_event()[2])
    assert.same({}, other)
  end)

  it("passes data of this worker's events as they are", function()
    local ev = new()
    local next_event = listen(ev)
    local data = { f = print }
    assert.is_true(ev:publish("current", "a", "x", data))
    local got = next_event()
    assert.equal(data, got[3])
    assert.is_nil(got[4])
    local ok, err = ev:publish("all", "a", "x", data)
    assert.is_nil(ok)
    assert.matches("^failed to publish event: ", err)
  end)

  it("takes one of several unique events within their time", function()
    local ev = new { unique_timeout = 0.05 }
    local next_event, _, queue = listen(ev)
    assert.is_true(ev:publish("hash", "a", "x", 1))
    assert.is_true(ev:publish("hash", "a", "x", 2))
    assert.is_true(ev:publish("other", "a", "x", 3))
    assert.equal(1, next_event()[3])
    assert.equal(3, next_event()[3])
    assert.equal(2, #queue)
    local sema = semaphore.new()
    ngx.timer.at(0.06, function()
      ev:publish("hash", "a", "x", 4)
      sema:post(1)
    end)
    assert(sema:wait(5))
    assert.equal(4, next_event()[3])
  end)

  it("forgets subscribers, and survives those that fail", function()
    local ev = new { testing = true }
    local _, id, queue = listen(ev)
    local called = 0
    ev:subscribe("a", "x", function() called = called + 1 error("on purpose") end)
    ev:subscribe("a", "x", function() called = called + 1 end)
    ev:publish("all", "a", "x", 1)
    assert.equal(2, called)
    assert.equal(1, #queue)
    ev:unsubscribe(id)
    ev:publish("all", "a", "x", 2)
    assert.equal(4, called)
    assert.equal(1, #queue)
    assert.has_error(function() ev:subscribe("a", "x") end, "expected function, got: nil")
    assert.has_error(function() ev:publish("all", "", "x") end, "source is required")
    assert.has_error(function() ev:publish(nil, "a", "x") end, "target is required")
    assert.has_error(function() ev:unsubscribe("") end, "id is required")
  end)

  it("limits the size of events, not to other objects' events", function()
    local ev, other = new { max_payload_len = 100 }, new()
    assert.same({ nil, "failed to publish event: payload exceeds the limitation (100)", n = 2 },
                table.pack(ev:publish("all", "a", "x", ("x"):rep(100))))
    local queue = select(3, listen(other))
    local next_event = listen(ev)
    ev:publish("all", "a", "x", "short")
    assert.equal("short", next_event()[3])
    assert.same({}, queue)
    assert.is_true(ev:is_ready())
  end)

  it("has the gateway's own events under the older names", function()
    local compat = require "resty.events.compat"
    assert.is_true(compat.configure { listening = "unix:compat.sock" })
    assert.is_true(compat.configured())
    local sema, got = semaphore.new(), nil
    local function heard(data, event, source)
      got = { source, event, data }
      sema:post(1)
    end
    compat.register(heard, "spec", "compat")
    assert.equal("done", compat.post("spec", "compat", { a = 1 }))
    assert(sema:wait(5))
    assert.same({ "spec", "compat", { a = 1 } }, got)
    assert.is_true(compat.unregister(heard, "spec", "compat"))
    assert.equal("done", compat.poll())
  end)
end)
