-- require "resty.limit.req": a leaky bucket: `rate` calls a second, `burst` more are delayed.
local abs = math.abs
local fmt = string.format
local max = math.max
local setmetatable = setmetatable
local tonumber = tonumber

local Req = { _VERSION = "0.09" }
local mt = { __index = Req }


--- The limiter, or nil, err.
function Req.new(dict, rate, burst)
  local store = ngx.shared[dict]
  if not store then
    return nil, "shared dict not found"
  end
  return setmetatable({ dict = store, rate = rate * 1000, burst = burst * 1000 }, mt)
end


-- Thousandths of calls in the bucket and when that was (ms); nil when there is nothing.
local function load(dict, key)
  local text = dict:get(key)
  if type(text) ~= "string" then
    return nil
  end
  local excess, last = text:match("^(%S+) (%S+)$")
  return tonumber(excess), tonumber(last)
end


--- Seconds to wait, calls above the rate; or nil, "rejected"; nil, err. With commit false nothing is counted.
function Req.incoming(self, key, commit)
  local dict, rate = self.dict, self.rate
  local now = ngx.now() * 1000
  local excess, last = load(dict, key)
  if excess then
    excess = max(excess - rate * abs(now - last) / 1000 + 1000, 0)
    if excess > self.burst then
      return nil, "rejected"
    end
  else
    excess = 0
  end
  if commit ~= false then
    local ok, err = dict:set(key, fmt("%.14g %.14g", excess, now), excess == 0 and 60 or excess / rate + 60)
    if not ok then
      return nil, err
    end
  end
  return excess / rate, excess / 1000
end


--- Takes a call back. true, or nil, err.
function Req.uncommit(self, key)
  local excess, last = load(self.dict, key)
  if not excess then
    return nil, "not found"
  end
  self.dict:set(key, fmt("%.14g %.14g", max(excess - 1000, 0), last))
  return true
end


function Req.set_rate(self, rate)
  self.rate = rate * 1000
end


function Req.set_burst(self, burst)
  self.burst = burst * 1000
end


return Req
