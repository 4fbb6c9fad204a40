local semaphore = require "ngx.semaphore"
local timerng = require "resty.timerng"


-- A callback, and a function that waits for its next call and returns its arguments.
local function waiter()
  local queue, at, sema = {}, 0, semaphore.new()
  return function(...)
    queue[#queue + 1] = { ... }
    sema:post(1)
  end, function()
    assert(sema:wait(5))
    at = at + 1
    return queue[at]
  end, queue
end


local function started(options)
  local timer = timerng.new(options)
  assert.is_true(timer:start())
  return timer
end


describe("resty.timerng", function()
  it("refuses options that cannot be", function()
    for message, options in pairs {
      ["expected `options` to be a table"] = 1,
      ["expected `debug` to be a boolean"] = { debug = 1 },
      ["expected `restart_thread_after_runs` to be an integer"] = { restart_thread_after_runs = 1.5 },
      ["both `min_thread` and `max_threads` must to be set"] = { min_threads = 1 },
      ["expected `max_threads` to be greater than `min_threads`"] = { min_threads = 2, max_threads = 2 },
      ["expected `auto_scaling_load_threshold` to be greater than 0"] = { auto_scaling_load_threshold = 0 },
      ["expected `resolution` to be greater than or equal to 0.1"] = { resolution = 0.01 },
      ["expected `wheel_setting.level` is equal to the length of `wheel_setting.slots_for_each_level`"] =
        { wheel_setting = { level = 1, slots_for_each_level = { 1, 2 } } },
    } do
      assert.has_error(function() timerng.new(options) end, message)
    end
    local _, err = pcall(timerng.new, { wheel_setting = { level = 1, slots_for_each_level = { 1.5 } } })
    assert.matches("expected `wheel_setting.slots_for_each_level%[1%]` to be an integer$", err)
  end)

  it("wants to be started, and numbers and functions", function()
    local timer = timerng.new { min_threads = 1, max_threads = 2 }
    assert.has_error(function() timer:at(0, print) end, "the timer module is not started")
    timer:start()
    assert.has_error(function() timer:at(0, 1) end, "expected `callback` to be a function")
    assert.has_error(function() timer:at(-1, print) end, "expected `delay` to be greater than or equal to 0")
    assert.has_error(function() timer:every(0, print) end, "expected `interval` to be greater than or equal to 0")
    assert.has_error(function() timer:cancel(1) end, "expected `name` to be a string")
  end)

  it("runs once, with arguments, and forgets", function()
    local timer = started()
    local callback, wait = waiter()
    local name = timer:at(0, callback, "a", nil, "b")
    assert.matches("^unix_timestamp=%d+%.%d+;counter=%d+:meta=debug off$", name)
    assert.is_true(timer:is_managed(name))
    assert.same({ false, "a", nil, "b" }, wait())
    assert.equal("n", timer:named_at("n", 0.01, callback))
    assert.same({ false, "already exists timer" }, { timer:named_at("n", 0, callback) })
    assert.same({ false }, wait())
    assert.is_false(timer:is_managed("n"))
    assert.equal(2, timer:stats().sys.runs)
    assert.equal(0, timer:stats().sys.total)
  end)

  it("runs again and again until it is cancelled, failing or not", function()
    local timer = started()
    local callback, wait = waiter()
    assert.equal("n", timer:named_every("n", 0.005, function()
      callback()
      error("on purpose")
    end))
    wait()
    wait()
    wait()
    local stats = timer:stats({ verbose = true }).timers.n
    assert.is_true(stats.stats.runs >= 2)
    assert.equal(0, stats.stats.finish)
    assert.matches("on purpose", stats.stats.last_err_msg)
    assert.same({ name = "debug off", callstack = "debug off" }, stats.meta)
    assert.is_true(timer:cancel("n"))
    assert.same({ false, "timer not found" }, { timer:cancel("n") })
    assert.same({ total = 0, running = 0, pending = 0, waiting = 0 }, (function(sys)
      sys.runs = nil
      return sys
    end)(timer:stats().sys))
  end)

  it("pauses and resumes", function()
    local timer = started()
    local callback, wait, queue = waiter()
    local other, wait_other = waiter()
    timer:named_at("n", 0.001, callback)
    assert.same({ false, "running" }, { timer:resume("n") })
    assert.is_true(timer:pause("n"))
    timer:at(0.01, other)
    wait_other()
    assert.same({}, queue)
    assert.is_true(timer:resume("n"))
    wait()
    assert.same({ false, "timer not found" }, { timer:resume("n") })
    assert.same({ false, "timer not found" }, { timer:pause("n") })
  end)

  it("stands still when frozen", function()
    local timer, clock = started(), started()
    local callback, wait, queue = waiter()
    local other, wait_other = waiter()
    timer:named_at("n", 0.001, callback)
    timer:named_every("m", 0.001, callback)
    timer:freeze()
    clock:at(0.01, other)
    wait_other()
    assert.same({}, queue)
    assert.has_error(function() timer:at(0, print) end, "the timer module is not started")
    timer:start()
    wait()
    wait()
    wait()
    timer:destroy()
    assert.is_false(timer:is_managed("m"))
    clock:at(0.01, other)
    local before = #queue
    wait_other()
    assert.equal(before, #queue)
  end)

  it("counts what runs, what is due and what waits", function()
    local timer = started()
    local callback, wait = waiter()
    local hold = semaphore.new()
    timer:named_at("running", 0, function()
      callback()
      hold:wait(5)
      callback()
    end)
    wait()
    timer:named_at("waiting", 60, callback)
    timer:named_at("pending", 0, callback)
    assert.same({ total = 3, running = 1, pending = 1, waiting = 1, runs = 1 }, timer:stats().sys)
    assert.is_true(timer:stats({ verbose = true }).timers.running.is_running)
    hold:post(1)
    wait()
    wait()
    timer:destroy()
  end)

  it("records in debug mode where and how long", function()
    local timer = started { debug = true }
    local callback, wait = waiter()
    local name = timer:named_every("n", 0.001, callback)
    wait()
    wait()
    local stats = timer:stats { verbose = true, flamegraph = true }
    local job = stats.timers[name]
    assert.matches("timerng_spec.lua:%d+:", job.meta.name)
    assert.matches("timerng_spec.lua:%d+:[^;]*$", job.meta.callstack)
    local elapsed = job.stats.elapsed_time
    assert.is_true(elapsed.min >= 0 and elapsed.min <= elapsed.avg and elapsed.avg <= elapsed.max and elapsed.variance >= 0)
    assert.matches("timerng_spec.lua:%d+:[^\n]* 0\n", stats.flamegraph.running)
    assert.matches("timerng_spec.lua:%d+:[^\n]* %d+\n", stats.flamegraph.elapsed_time)
    assert.matches("timerng_spec.lua:%d+:[^\n]* %d+\n", stats.flamegraph.pending)
    timer:set_debug(false)
    timer:cancel("n")
    timer:named_at("m", 60, callback)
    assert.equal("debug off", timer:stats({ verbose = true }).timers.m.meta.name)
    timer:destroy()
  end)
end)
