-- kong.timer: timers with names. ngx.timer's functions answer plugins directly; this object adds names, pausing and
-- counts on top of them.
local ngx = ngx
local pcall = pcall
local tostring = tostring
local type = type

local timer = {}
local mt = { __index = timer }

local ONCE_PREFIX, EVERY_PREFIX = "unix_timestamp=", ";counter="
local counter = 0


local function next_name()
  counter = counter + 1
  return ONCE_PREFIX .. ngx.now() * 1000 .. EVERY_PREFIX .. counter
end


function timer.new()
  return setmetatable({ jobs = {}, enabled = true, runs = 0 }, mt)
end


-- Runs in an ngx timer.
local function run(premature, self, job)
  if self.jobs[job.name] ~= job or not self.enabled then
    return
  end
  if not job.is_paused then
    self.runs = self.runs + 1
    job.runs = job.runs + 1
    local ok, err = pcall(job.callback, premature, unpack(job.args, 1, job.args.n))
    if not ok then
      ngx.log(ngx.ERR, "timer '", job.name, "' failed: ", tostring(err))
    end
  end
  if self.jobs[job.name] ~= job then
    return
  end
  if not job.is_repeated or premature then
    self.jobs[job.name] = nil
    return
  end
  ngx.timer.at(job.delay, run, self, job)
end


local function start(self, is_repeated, name, delay, callback, ...)
  assert(type(callback) == "function", "expected `callback` to be a function")
  assert(type(delay) == "number" and delay >= 0, "expected `delay` to be a non-negative number")
  assert(name == nil or type(name) == "string", "expected `name` to be a string")
  if is_repeated then
    assert(delay > 0, "expected `interval` to be greater than 0")
  end
  name = name or next_name()
  if self.jobs[name] then
    return false, "already exists timer"
  end
  local job = { name = name, delay = delay, callback = callback, is_repeated = is_repeated, runs = 0,
                args = { n = select("#", ...), ... } }
  self.jobs[name] = job
  local ok, err = ngx.timer.at(delay, run, self, job)
  if not ok then
    self.jobs[name] = nil
    return false, err
  end
  return name
end


-- name | false, err.
function timer:at(delay, callback, ...)
  return start(self, false, nil, delay, callback, ...)
end


function timer:every(interval, callback, ...)
  return start(self, true, nil, interval, callback, ...)
end


function timer:named_at(name, delay, callback, ...)
  return start(self, false, name, delay, callback, ...)
end


function timer:named_every(name, interval, callback, ...)
  return start(self, true, name, interval, callback, ...)
end


-- true | false, err.
function timer:cancel(name)
  if not self.jobs[name] then
    return false, "timer not found"
  end
  self.jobs[name] = nil
  return true
end


function timer:pause(name)
  local job = self.jobs[name]
  if not job then
    return false, "timer not found"
  end
  if job.is_paused then
    return false, "already paused"
  end
  job.is_paused = true
  return true
end


function timer:resume(name)
  local job = self.jobs[name]
  if not job then
    return false, "timer not found"
  end
  if not job.is_paused then
    return false, "not paused"
  end
  job.is_paused = false
  return true
end


function timer:is_managed(name)
  return self.jobs[name] ~= nil
end


function timer:start()
  self.enabled = true
  return true
end


function timer:freeze()
  self.enabled = false
end


function timer:destroy()
  self.enabled = false
  self.jobs = {}
end


-- { sys = { total, runs, running, pending }, timers = { name = { stats } } }; timers with { verbose = true }.
function timer:stats(options)
  local pending, timers = 0, {}
  for name, job in pairs(self.jobs) do
    pending = pending + 1
    timers[name] = { name = name, meta = { name = "debug off", callstack = "debug off" },
                     stats = { runs = job.runs, elapsed_time = {}, last_err_msg = "" } }
  end
  local is_verbose = not options or options.verbose
  return {
    sys = { total = pending, runs = self.runs, running = ngx.timer.running_count(), waiting = 0, pending = pending },
    timers = is_verbose and timers or nil,
  }
end


return timer
