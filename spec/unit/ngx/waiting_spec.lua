-- Waiting: sleep, timers, light threads, and user coroutines around them.
describe("waiting", function()
  it("sleeps for at least the time that was asked for", function()
    ngx.update_time()
    local start = ngx.now()
    ngx.sleep(0.02)
    ngx.update_time()
    assert.is_true(ngx.now() - start >= 0.0185) -- the clocks count whole milliseconds
  end)

  it("counts only coroutines that run: what is none is refused and leaves nothing behind", function()
    for _ = 1, 300 do
      local ok, err = pcall(coroutine.resume, nil)
      assert.is_false(ok)
      assert.matches("bad argument #1 to 'resume' (coroutine expected)", err, 1, true)
    end
    assert.same({ true, "fine" }, { coroutine.resume(coroutine.create(function()
      return "fine"
    end)) })
  end)

  it("sleeps inside a user's coroutine without ending its resume", function()
    local order = {}
    local co = coroutine.create(function()
      ngx.sleep(0.001)
      order[#order + 1] = "slept"
      coroutine.yield("yielded")
      ngx.sleep(0.001)
      return "returned"
    end)
    assert.same({ true, "yielded" }, { coroutine.resume(co) })
    assert.same({ true, "returned" }, { coroutine.resume(co) })
    assert.same({ "slept" }, order)
    assert.equal("dead", coroutine.status(co))
  end)

  it("passes every value through nested coroutines", function()
    local inner = coroutine.wrap(function(a, b)
      ngx.sleep(0)
      local c = coroutine.yield(a, nil, b, nil)
      return select("#", c, nil)
    end)
    local outer = coroutine.wrap(function()
      local n = select("#", inner(1, 2))
      return n, inner(3)
    end)
    assert.same({ 4, 2 }, { outer() })
  end)

  it("raises what a wrapped coroutine raises", function()
    local fn = coroutine.wrap(function()
      ngx.sleep(0)
      error({ code = 5 })
    end)
    local ok, err = pcall(fn)
    assert.is_false(ok)
    assert.same({ code = 5 }, err)
  end)

  describe("of timers", function()
    it("runs the function once with its arguments", function()
      local got
      assert.is_string(ngx.timer.at(0, function(...)
        got = { n = select("#", ...), ... }
      end, "a", nil, 3))
      ngx.sleep(0.01)
      assert.same({ n = 4, false, "a", nil, 3 }, got)
    end)

    it("repeats until it is cancelled", function()
      local timer = require "ngx.timer"
      local n = 0
      local name = ngx.timer.every(0.01, function()
        n = n + 1
      end)
      local deadline = ngx.now() + 5
      repeat
        ngx.sleep(0.01)
      until n >= 3 or ngx.now() > deadline
      assert.is_true(n >= 3)
      assert.is_true(timer.cancel(name))
      local before = n
      ngx.sleep(0.05)
      assert.equal(before, n)
    end)

    it("has a context of its own", function()
      ngx.ctx.mine = "outer"
      local seen = "unset"
      ngx.timer.at(0, function()
        seen = ngx.ctx.mine
        ngx.ctx.mine = "inner"
      end)
      ngx.sleep(0.01)
      assert.is_nil(seen)
      assert.equal("outer", ngx.ctx.mine)
    end)

    it("refuses what Kong's timers refuse", function()
      assert.has_error(function() ngx.timer.at(0) end, "expected `callback` to be a function")
      assert.has_error(function() ngx.timer.at(-1, print) end, "expected `delay` to be greater than or equal to 0")
      assert.has_error(function() ngx.timer.every(0, print) end, "expected `interval` to be greater than or equal to 0")
    end)
  end)

  describe("of light threads", function()
    it("runs at once, side by side, and hands the results over", function()
      local order = {}
      local t = ngx.thread.spawn(function(a)
        order[#order + 1] = "begun " .. a
        ngx.sleep(0.005)
        return "r", nil, 3
      end, "x")
      order[#order + 1] = "spawned"
      assert.equal("running", coroutine.status(t))
      local r = { n = select("#", ngx.thread.wait(t)) }
      assert.equal("dead", coroutine.status(t))
      assert.same({ "begun x", "spawned" }, order)
      assert.equal(4, r.n)
    end)

    it("waits for the first of several", function()
      local function after(s, v)
        return ngx.thread.spawn(function()
          ngx.sleep(s)
          return v
        end)
      end
      local slow, fast = after(0.05, "slow"), after(0.005, "fast")
      assert.same({ true, "fast" }, { ngx.thread.wait(slow, fast) })
      assert.same({ true, "slow" }, { ngx.thread.wait(slow) })
      assert.same({ nil, "already waited or killed" }, { ngx.thread.wait(fast) })
    end)

    it("waits for the first of several that end while nobody looks", function()
      local function after(s, v)
        return ngx.thread.spawn(function()
          ngx.sleep(s)
          return v
        end)
      end
      local slow, fast = after(0.02, "slow"), after(0.005, "fast")
      local until_s = ngx.now() + 0.05
      repeat
        ngx.update_time()
      until ngx.now() > until_s
      assert.same({ true, "fast" }, { ngx.thread.wait(slow, fast) })
      assert.same({ true, "slow" }, { ngx.thread.wait(slow) })
    end)

    it("gives errors to the waiter", function()
      local t = ngx.thread.spawn(function()
        error("broke", 0)
      end)
      assert.same({ false, "broke" }, { ngx.thread.wait(t) })
    end)

    it("kills a thread that waits", function()
      local went_on = false
      local t = ngx.thread.spawn(function()
        ngx.sleep(0.005)
        went_on = true
      end)
      assert.equal(1, ngx.thread.kill(t))
      assert.same({ nil, "already waited or killed" }, { ngx.thread.kill(t) })
      ngx.sleep(0.02)
      assert.is_false(went_on)
    end)

    it("waits only for its own", function()
      local t = ngx.thread.spawn(function() ngx.sleep(0.001) end)
      local other = ngx.thread.spawn(function()
        return pcall(ngx.thread.wait, t)
      end)
      local ok, called, err = ngx.thread.wait(other)
      assert.is_true(ok)
      assert.is_false(called)
      assert.matches("only the parent coroutine can wait on the thread", err)
      assert.has_error(function() ngx.thread.wait(coroutine.create(print)) end,
                       "attempt to wait on a coroutine that is not a user thread")
    end)
  end)
end)
