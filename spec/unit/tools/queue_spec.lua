local Queue = require "kong.tools.queue"


describe("a queue", function()
  local kong_before, lines, batches

  before_each(function()
    kong_before = rawget(_G, "kong")
    lines, batches = {}, {}
    local function note(text)
      lines[#lines + 1] = text
    end
    _G.kong = { default_workspace = "ws", log = { debug = function() end, info = note, warn = note, err = note } }
  end)

  after_each(function()
    _G.kong = kong_before
  end)

  local function conf(name, changes)
    local out = { name = name, max_batch_size = 1, max_coalescing_delay = 0.1, max_entries = 10, max_retry_time = 1,
                  initial_retry_delay = 0.001, max_retry_delay = 0.01, concurrency_limit = 1 }
    for key, value in pairs(changes or {}) do
      out[key] = value
    end
    return out
  end

  local function collect(_, entries)
    batches[#batches + 1] = entries
    return true
  end

  local function wait_until_empty(name)
    for _ = 1, 300 do
      if not Queue.exists(name) then
        return
      end
      ngx.sleep(0.01)
    end
    error("queue " .. name .. " does not end")
  end

  local function logged(pattern)
    for _, line in ipairs(lines) do
      if line:find(pattern, 1, true) then
        return true
      end
    end
    return false
  end

  it("hands entries over in order and ends", function()
    for i = 1, 3 do
      assert.is_true(Queue.enqueue(conf("order"), collect, nil, i))
    end
    wait_until_empty("order")
    assert.same({ { 1 }, { 2 }, { 3 } }, batches)
  end)

  it("makes batches no larger than allowed", function()
    for i = 1, 5 do
      Queue.enqueue(conf("batch", { max_batch_size = 2 }), collect, nil, i)
    end
    wait_until_empty("batch")
    assert.same({ { 1, 2 }, { 3, 4 }, { 5 } }, batches)
  end)

  it("tries again until the handler takes the batch", function()
    local calls = 0
    Queue.enqueue(conf("retry"), function()
      calls = calls + 1
      if calls == 1 then
        error("raised")
      end
      return calls == 3, "refused"
    end, nil, "x")
    wait_until_empty("retry")
    assert.equal(3, calls)
    assert.is_true(logged("handler could not process entries: refused"))
    assert.is_true(logged("raised"))
  end)

  it("gives a batch up after max_retry_time", function()
    Queue.enqueue(conf("lost", { max_retry_time = 0 }), function()
      return nil, "down"
    end, nil, "x")
    wait_until_empty("lost")
    assert.is_true(logged("could not send entries due to max_retry_time exceeded. 1 queue entries were lost"))
  end)

  it("drops the oldest entries when it is full", function()
    local settings = conf("full", { max_entries = 2 })
    for i = 1, 4 do
      Queue.enqueue(settings, collect, nil, i)
    end
    assert.is_true(Queue.is_full(settings))
    wait_until_empty("full")
    assert.same({ { 3 }, { 4 } }, batches)
    assert.is_true(logged("queue full, dropping old entries"))
    assert.is_true(logged("queue resumed processing"))
  end)

  it("counts bytes", function()
    local settings = conf("bytes", { max_bytes = 10 })
    assert.same({ nil, "string to be queued is longer (11 bytes) than the queue's max_bytes (10 bytes)" },
                { Queue.enqueue(settings, collect, nil, ("x"):rep(11)) })
    Queue.enqueue(settings, collect, nil, "12345678")
    Queue.enqueue(settings, collect, nil, "abcdefgh")
    wait_until_empty("bytes")
    assert.same({ { "abcdefgh" } }, batches)
    assert.is_true(logged("byte capacity exceeded, 1 queue entries were dropped"))
  end)

  it("refuses nothing and bad settings", function()
    assert.same({ nil, "entry must be a non-nil Lua value" }, { Queue.enqueue(conf("nil"), collect, nil, nil) })
    wait_until_empty("nil")
    assert.has.errors(function()
      Queue.enqueue(conf("bad", { max_entries = "x" }), collect, nil, 1)
    end)
  end)
end)
