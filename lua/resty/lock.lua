-- require "resty.lock": locks between coroutines of all workers, kept in a shared dictionary. A lock that is forgotten is
-- given back by its expiry or by the collector.
local ngx = ngx
local min = math.min
local newproxy = newproxy
local sleep = ngx.sleep
local setmetatable = setmetatable
local tostring = tostring
local type = type

local Lock = { _VERSION = "0.09" }
Lock.__index = Lock


local function on_collect(self)
  return function()
    if self.key then
      self.dict:delete(self.key)
    end
  end
end


-- dict: a name or the dictionary itself. opts: exptime 30, timeout 5, step 0.001, ratio 2, max_step 0.5, in seconds.
function Lock.new(_, dict, opts)
  if type(dict) == "string" then
    dict = ngx.shared[dict]
  end
  if not dict then
    return nil, "dictionary not found"
  end
  opts = opts or {}
  local held = { dict = dict, key = nil }
  local guard = newproxy(true)
  getmetatable(guard).__gc = on_collect(held)
  return setmetatable({
    held = held,
    guard = guard,
    dict = dict,
    timeout = opts.timeout or 5,
    exptime = opts.exptime or 30,
    step = opts.step or 0.001,
    ratio = opts.ratio or 2,
    max_step = opts.max_step or 0.5,
  }, Lock)
end


-- Seconds waited, or nil and "timeout", "locked" or what the dictionary says.
function Lock:lock(key)
  if not key then
    return nil, "nil key"
  end
  if self.held.key then
    return nil, "locked"
  end
  key = tostring(key)
  local dict, exptime = self.dict, self.exptime
  local ok, err = dict:add(key, true, exptime)
  if ok then
    self.held.key = key
    return 0
  elseif err ~= "exists" then
    return nil, err
  end
  local step, left, elapsed = self.step, self.timeout, 0
  while left > 0 do
    sleep(step)
    elapsed = elapsed + step
    left = left - step
    ok, err = dict:add(key, true, exptime)
    if ok then
      self.held.key = key
      return elapsed
    elseif err ~= "exists" then
      return nil, err
    end
    if left <= 0 then
      break
    end
    step = min(step * self.ratio, left, self.max_step)
  end
  return nil, "timeout"
end


function Lock:unlock()
  local key = self.held.key
  if not key then
    return nil, "unlocked"
  end
  self.held.key = nil
  local ok, err = self.dict:delete(key)
  if not ok then
    return nil, err
  end
  return 1
end


-- Sets the lock's expiry anew.
function Lock:expire(time)
  local key = self.held.key
  if not key then
    return nil, "unlocked"
  end
  local ok, err = self.dict:replace(key, true, time or self.exptime)
  if not ok then
    return nil, err
  end
  return true
end


return Lock
