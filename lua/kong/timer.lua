-- kong.timer: timers with names. ngx.timer's functions answer plugins directly; this object adds names, pausing, freezing and counts on
-- top of them. `resty.timerng` makes such objects for plugins; what debug mode records is in resty.timerng.profile.
local assert = assert
local max = math.max
local ngx = ngx
local now = ngx.now
local pairs = pairs
local pcall = pcall
local select = select
local tostring = tostring
local type = type
local unpack = unpack

local timer = {}
local mt = { __index = timer }

local NO_META = { name = "debug off", callstack = "debug off" }
local counter = 0


local function next_name(meta)
  local name = ("unix_timestamp=%f;counter=%d:meta=%s"):format(math.floor(now() * 1000), counter, meta.name)
  counter = counter + 1
  return name
end


-- options: {debug}. is_stopped: nothing can be timed before start().
function timer.new(options, is_stopped)
  return setmetatable({ opt = { debug = options and options.debug or false }, jobs = {}, enabled = not is_stopped, runs = 0, running = 0,
                        total = 0 }, mt)
end


local function drop(self, job)
  if self.jobs[job.name] == job then
    self.jobs[job.name] = nil
    self.total = self.total - 1
  end
  job.turn = job.turn + 1
end


local function call(self, premature, job)
  local began = job.profile and job.profile.begin(job)
  self.running, self.runs = self.running + 1, self.runs + 1
  job.is_running, job.runs = true, job.runs + 1
  local ok, err = pcall(job.callback, premature, unpack(job.args, 1, job.args.n))
  job.is_running = false
  self.running = self.running - 1
  if ok then
    job.finish = job.finish + 1
  else
    job.last_err_msg = tostring(err)
    ngx.log(ngx.ERR, "[timer-ng] failed to run timer ", job.name, ": ", job.last_err_msg)
  end
  if began then
    job.profile.finish(job, began)
  end
end


local arm


-- Runs in an ngx timer. A job that was cancelled, paused or frozen since has had another turn.
local function run(premature, self, job, turn)
  if job.turn ~= turn then
    return
  end
  call(self, premature, job)
  if job.turn ~= turn then
    return
  end
  if not job.is_repeated or premature then
    return drop(self, job)
  end
  arm(self, job, job.delay)
end


-- Waits for start() when the object is frozen. True | nil, err.
arm = function(self, job, delay)
  if not self.enabled then
    job.left = delay
    return true
  end
  job.expires, job.left = now() + delay, nil
  return ngx.timer.at(delay, run, self, job, job.turn)
end


local function add(self, job)
  job.runs, job.finish, job.last_err_msg, job.turn = 0, 0, "", 0
  local ok, err = arm(self, job, job.delay)
  if not ok then
    return false, err
  end
  self.jobs[job.name] = job
  self.total = self.total + 1
  return job.name
end


local function create(self, is_repeated, name, delay, callback, ...)
  local profile = self.opt.debug and require "resty.timerng.profile" or nil
  local meta = profile and profile.meta(4) or NO_META
  name = name or next_name(meta)
  if self.jobs[name] then
    return false, "already exists timer"
  end
  return add(self, { name = name, delay = delay, callback = callback, is_repeated = is_repeated, meta = meta, profile = profile,
                     args = { n = select("#", ...), ... } })
end


local function check(self, callback)
  assert(self.enabled, "the timer module is not started")
  assert(type(callback) == "function", "expected `callback` to be a function")
end


local function once(self, name, delay, callback, ...)
  check(self, callback)
  assert(type(delay) == "number", "expected `delay` to be a number")
  assert(delay >= 0, "expected `delay` to be greater than or equal to 0")
  local result, err = create(self, false, name, delay, callback, ...)
  return result, err
end


local function every(self, name, interval, callback, ...)
  check(self, callback)
  assert(type(interval) == "number", "expected `interval` to be a number")
  assert(interval > 0, "expected `interval` to be greater than or equal to 0")
  local result, err = create(self, true, name, interval, callback, ...)
  return result, err
end


-- name | false, err. callback(premature, ...) gets the arguments that follow.
function timer:at(delay, callback, ...)
  local result, err = once(self, nil, delay, callback, ...)
  return result, err
end


-- As at, again and again: the interval begins when the callback has returned.
function timer:every(interval, callback, ...)
  local result, err = every(self, nil, interval, callback, ...)
  return result, err
end


function timer:named_at(name, delay, callback, ...)
  local result, err = once(self, name, delay, callback, ...)
  return result, err
end


function timer:named_every(name, interval, callback, ...)
  local result, err = every(self, name, interval, callback, ...)
  return result, err
end


local function job_of(self, name)
  assert(type(name) == "string", "expected `name` to be a string")
  return self.jobs[name]
end


-- True | false, err. What is running runs to its end.
function timer:cancel(name)
  local job = job_of(self, name)
  if not job then
    return false, "timer not found"
  end
  drop(self, job)
  return true
end


-- True | false, err.
function timer:pause(name)
  local job = job_of(self, name)
  if not job then
    return false, "timer not found"
  end
  job.is_paused, job.left = true, nil
  job.turn = job.turn + 1
  return true
end


-- Starts a paused timer anew, with its whole delay. True | false, err.
function timer:resume(name)
  local job = job_of(self, name)
  if not job then
    return false, "timer not found"
  end
  if not job.is_paused then
    return false, "running"
  end
  drop(self, job)
  local ok, err = add(self, { name = job.name, delay = job.delay, callback = job.callback, is_repeated = job.is_repeated, meta = job.meta,
                              profile = job.profile, args = job.args })
  return ok ~= false, err
end


function timer:is_managed(name)
  return self.jobs[name] ~= nil
end


-- Time goes on for what freeze() has stopped. True.
function timer:start()
  if not self.enabled then
    self.enabled = true
    for _, job in pairs(self.jobs) do
      if job.left then
        arm(self, job, job.left)
      end
    end
  end
  return true
end


-- Nothing expires and nothing can be added until start().
function timer:freeze()
  if not self.enabled then
    return
  end
  self.enabled = false
  for _, job in pairs(self.jobs) do
    if not job.is_paused and not job.is_running then
      job.left = max(job.expires - now(), 0)
      job.turn = job.turn + 1
    end
  end
end


-- Forgets all timers. The object is of no use afterwards.
function timer:destroy()
  self.enabled = false
  for _, job in pairs(self.jobs) do
    job.turn = job.turn + 1
  end
  self.jobs, self.total = {}, 0
end


-- Whether timers that are created from now on record where they were created, and how long they run.
function timer:set_debug(is_on)
  self.opt.debug = is_on
end


local function describe(job)
  local elapsed = job.elapsed_time
  return {
    name = job.name,
    is_running = job.is_running or false,
    meta = { name = job.meta.name, callstack = job.meta.callstack },
    stats = {
      runs = job.runs, finish = job.finish, last_err_msg = job.last_err_msg,
      elapsed_time = { avg = elapsed and elapsed.avg or 0, max = elapsed and elapsed.max or -1, min = elapsed and elapsed.min or 9999999,
                       variance = elapsed and elapsed.variance or 0 },
    },
  }
end


-- Due, but not begun yet.
local function is_pending(job)
  return not job.is_running and not job.is_paused and not job.left and job.expires <= now()
end


-- {sys = {total, running, pending, waiting, runs}}; with options.verbose also timers by name, and with options.flamegraph what debug
-- mode has recorded.
function timer:stats(options)
  local pending = 0
  for _, job in pairs(self.jobs) do
    if is_pending(job) then
      pending = pending + 1
    end
  end
  local stats = { sys = { total = self.total, running = self.running, pending = pending, runs = self.runs,
                          waiting = max(self.total - self.running - pending, 0) } }
  if not options or not options.verbose then
    return stats
  end
  stats.timers = {}
  for name, job in pairs(self.jobs) do
    stats.timers[name] = describe(job)
  end
  if options.flamegraph then
    stats.flamegraph = require("resty.timerng.profile").flamegraph(self, is_pending)
  end
  return stats
end


return timer
