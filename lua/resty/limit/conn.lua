-- require "resty.limit.conn": so many calls at the same time; those above it up to `burst` are delayed.
local floor = math.floor
local setmetatable = setmetatable

local Conn = { _VERSION = "0.09" }
local mt = { __index = Conn }


--- delay: seconds that one call takes, as a first guess. The limiter, or nil, err.
function Conn.new(dict, max, burst, delay)
  local store = ngx.shared[dict]
  if not store then
    return nil, "shared dict not found"
  end
  return setmetatable({ dict = store, max = max + burst, burst = burst, unit_delay = delay, is_counted = false }, mt)
end


--- Seconds to wait, calls at the moment; or nil, "rejected"; nil, err.
function Conn.incoming(self, key, commit)
  local dict, max = self.dict, self.max
  self.is_counted = false
  local now, err
  if commit == false then
    now = (dict:get(key) or 0) + 1
  else
    now, err = dict:incr(key, 1, 0)
    if not now then
      return nil, err
    end
    self.is_counted = true
  end
  if now > max then
    if self.is_counted then
      self.is_counted = false
      dict:incr(key, -1)
    end
    return nil, "rejected"
  end
  local free = max - self.burst
  if now > free then
    return self.unit_delay * floor((now - 1) / free), now
  end
  return 0, now
end


function Conn.is_committed(self)
  return self.is_counted
end


--- A call has ended after `latency` seconds (nil: unknown). Calls that are left, or nil, err.
function Conn.leaving(self, key, latency)
  local now, err = self.dict:incr(key, -1)
  if not now then
    return nil, err
  end
  if latency then
    self.unit_delay = (latency + self.unit_delay) / 2
  end
  return now
end


function Conn.uncommit(self, key)
  return self.dict:incr(key, -1)
end


function Conn.set_conn(self, max)
  self.max = max + self.burst
end


function Conn.set_burst(self, burst)
  self.max = self.max - self.burst + burst
  self.burst = burst
end


return Conn
