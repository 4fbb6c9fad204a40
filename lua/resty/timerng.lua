-- require "resty.timerng": timers with names, as kong.timer has them, for plugins that want an object of their own. The runtime's timers
-- are a wheel already: options about wheels and threads are checked and do not matter.
local timer = require "kong.timer"

local assert = assert
local error = error
local format = string.format
local ipairs = ipairs
local type = type

local timerng = {}


local function check_count(options, name)
  local value = options[name]
  assert(type(value) == "number", "expected `" .. name .. "` to be a number")
  assert(value > 0, "expected `" .. name .. "` to be greater than 0")
  assert(value % 1 == 0, "expected `" .. name .. "` to be an integer")
end


local function check_threads(options)
  if options.min_threads == nil and options.max_threads == nil then
    return
  end
  assert(options.min_threads and options.max_threads, "both `min_thread` and `max_threads` must to be set")
  check_count(options, "min_threads")
  check_count(options, "max_threads")
  assert(options.min_threads < options.max_threads, "expected `max_threads` to be greater than `min_threads`")
end


local function check_wheels(setting)
  assert(type(setting) == "table", "expected `wheel_setting` to be a table")
  assert(type(setting.level) == "number", "expected `wheel_setting.level` to be a number")
  local slots = setting.slots_for_each_level
  assert(type(slots) == "table", "expected `wheel_setting.slots_for_each_level` to be a table")
  assert(setting.level == #slots, "expected `wheel_setting.level` is equal to the length of `wheel_setting.slots_for_each_level`")
  for i, count in ipairs(slots) do
    local problem = type(count) ~= "number" and "be a number" or count < 1 and "be greater than 1" or count % 1 ~= 0 and "be an integer"
    if problem then
      error(format("expected `wheel_setting.slots_for_each_level[%d]` to %s", i, problem))
    end
  end
end


local function check(options)
  assert(type(options) == "table", "expected `options` to be a table")
  assert(not options.debug or type(options.debug) == "boolean", "expected `debug` to be a boolean")
  if options.restart_thread_after_runs then
    check_count(options, "restart_thread_after_runs")
  end
  check_threads(options)
  local load = options.auto_scaling_load_threshold
  if load then
    assert(type(load) == "number", "expected `auto_scaling_load_threshold` to be a number")
    assert(load > 0, "expected `auto_scaling_load_threshold` to be greater than 0")
  end
  if options.resolution then
    assert(type(options.resolution) == "number", "expected `resolution` to be a number")
    assert(options.resolution >= 0.1, "expected `resolution` to be greater than or equal to 0.1")
  end
  if options.wheel_setting then
    check_wheels(options.wheel_setting)
  end
end


-- An object with the methods of kong.timer; nothing is timed before its start(). Raises over options that cannot be.
function timerng.new(options)
  if options then
    check(options)
  end
  return timer.new(options, true)
end


return timerng
