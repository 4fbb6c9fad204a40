-- require "resty.counter": counters that add up inside the worker and go to a shared dictionary now and then, so that a
-- hot counter does not take the dictionary's lock for every step.
local ngx = ngx
local pairs = pairs
local clear = require "table.clear"

local Counter = {}
Counter.__index = Counter

-- By name of the dictionary: the increments that are still here.
local pending = {}
local has_timer = {}

local ERROR_METRIC = "counter_errors_total"


local function sync(_, self)
  local ok = true
  local steps = pending[self.dict_name]
  for key, step in pairs(steps) do
    local _, err, forcible = self.dict:incr(key, step, 0)
    if forcible or err then
      ngx.log(ngx.ERR, "error when syncing counter ", key, ": ", err or "no memory")
      self.dict:incr(self.error_metric, 1, 0)
      ok = false
    end
  end
  clear(steps)
  return ok
end


-- sync_interval in seconds; nil: only sync() writes.
function Counter.new(dict_name, sync_interval, error_metric_name)
  local dict = ngx.shared[dict_name]
  if not dict then
    error("shared dict '" .. (dict_name or "nil") .. "' not defined", 2)
  end
  pending[dict_name] = pending[dict_name] or {}
  local self = setmetatable({
    dict = dict,
    dict_name = dict_name,
    increments = pending[dict_name],
    error_metric = error_metric_name or ERROR_METRIC,
  }, Counter)
  if sync_interval then
    local id = ngx.worker.id()
    if not id then
      error("counter can't be synced outside of a worker", 2)
    end
    if not has_timer[dict_name] then
      has_timer[dict_name] = true
      ngx.timer.every(sync_interval, sync, self)
    end
  end
  return self
end


function Counter:sync()
  return sync(false, self)
end


function Counter:incr(key, step)
  local steps = self.increments
  steps[key] = (steps[key] or 0) + (step or 1)
  return true
end


-- Takes `number` (1) off the value in the dictionary.
function Counter:reset(key, number)
  return self.dict:incr(key, -(number or 1), number or 1)
end


function Counter:get(key)
  return self.dict:get(key)
end


function Counter:get_keys(max_count)
  return self.dict:get_keys(max_count)
end


return Counter
