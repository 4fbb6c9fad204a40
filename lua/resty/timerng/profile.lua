-- resty.timerng.profile: what timers in debug mode record: where they were created, and how long their runs took. Loaded with the
-- first of them.
local concat = table.concat
local floor = math.floor
local format = string.format
local getinfo = debug.getinfo
local max, min = math.max, math.min
local ngx = ngx
local now = ngx.now
local pairs = pairs
local setmetatable = setmetatable

local profile = {}

local DEPTH_MAX = 128
-- Call stacks that are told apart in the sums; the rest is not summed.
local STACKS_MAX = 1024

-- By call stack, for all timer objects of this worker.
local sums, stack_count = {}, 0
local by_job = setmetatable({}, { __mode = "k" })


-- {name, callstack} of the code `level` calls above.
function profile.meta(level)
  local frames = {}
  for i = 1, DEPTH_MAX do
    local info = getinfo(level + i, "nSl")
    if not info or info.short_src == "[C]" then
      break
    end
    frames[i] = format("%s:%d:%s()", info.source, info.currentline, info.name or info.what)
  end
  local count = #frames
  local outer = {}
  for i = 1, count do
    outer[i] = frames[count - i + 1]
  end
  return { name = frames[1], callstack = concat(outer, ";") }
end


local function sum_of(stack)
  local sum = sums[stack]
  if not sum and stack_count < STACKS_MAX then
    sum = { running = 0, elapsed_time = 0 }
    sums[stack] = sum
    stack_count = stack_count + 1
  end
  return sum
end


-- Before a run; what finish() needs.
function profile.begin(job)
  local sum = sum_of(job.meta.callstack)
  if sum then
    sum.running = sum.running + 1
    by_job[job] = sum
  end
  ngx.update_time()
  return now()
end


-- After a run: its time, in seconds, goes into job.elapsed_time {avg, max, min, variance}.
function profile.finish(job, began)
  ngx.update_time()
  local spent = now() - began
  local elapsed = job.elapsed_time
  if not elapsed then
    elapsed = { avg = 0, max = -1, min = 9999999, variance = 0, count = 0 }
    job.elapsed_time = elapsed
  end
  local count = elapsed.count + 1
  local average = elapsed.avg + (spent - elapsed.avg) / count
  elapsed.variance = elapsed.variance + ((spent - elapsed.avg) * (spent - average) - elapsed.variance) / count
  elapsed.avg, elapsed.count = average, count
  elapsed.max, elapsed.min = max(elapsed.max, spent), min(elapsed.min, spent)
  local sum = by_job[job]
  if sum then
    sum.running = sum.running - 1
    sum.elapsed_time = sum.elapsed_time + spent
  end
end


-- {running, pending, elapsed_time}: folded stacks with counts, for elapsed_time with milliseconds; a line each.
function profile.flamegraph(timer, is_pending)
  local pending = {}
  for _, job in pairs(timer.jobs) do
    if job.profile and is_pending(job) then
      pending[job.meta.callstack] = (pending[job.meta.callstack] or 0) + 1
      sum_of(job.meta.callstack)
    end
  end
  local running_lines, pending_lines, elapsed_lines = {}, {}, {}
  for stack, sum in pairs(sums) do
    local n = #running_lines + 1
    running_lines[n] = stack .. " " .. sum.running .. "\n"
    pending_lines[n] = stack .. " " .. (pending[stack] or 0) .. "\n"
    elapsed_lines[n] = stack .. " " .. floor(sum.elapsed_time * 1000) .. "\n"
  end
  return { running = concat(running_lines), pending = concat(pending_lines), elapsed_time = concat(elapsed_lines) }
end


return profile
