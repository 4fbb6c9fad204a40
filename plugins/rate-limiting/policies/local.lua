-- Counters in a shared dictionary: one atomic increment per window, no timer, nothing allocated but the name.
local keys = require "kong.plugins.rate-limiting.policies.keys"
local windows = require "kong.plugins.rate-limiting.windows"

local counters = ngx.shared.kong_rate_limiting_counters

local policy = {}

-- Answers of `take`: read by the caller before anything else runs.
local usages = {}


local function give_back(plan, prefix, now)
  for i = 1, plan.n do
    counters:incr(prefix .. windows.at(plan.periods[i], now).suffix, -1)
  end
end


-- See policies.take. Counting comes before comparing: of several workers at the last permitted request only
-- one gets a number within the limit, and the others take theirs back.
function policy.take(conf, plan, identifier, now)
  local prefix = keys.prefix(conf) .. identifier
  local stop
  for i = 1, plan.n do
    local window = windows.at(plan.periods[i], now)
    local count, err = counters:incr(prefix .. window.suffix, 1, 0, window.ends - now)
    if not count then
      return nil, nil, err
    end
    usages[i] = count - 1
    if count - 1 >= plan.limits[i] then
      stop = i
    end
  end
  if stop then
    give_back(plan, prefix, now)
  end
  return usages, stop
end


function policy.usage(conf, identifier, period, now_ms)
  local value, err = counters:get(keys.of(conf, identifier, period, now_ms / 1000))
  if err then
    return nil, err
  end
  return value or 0
end


function policy.increment(conf, limits, identifier, now_ms, value)
  local now = now_ms / 1000
  for period in pairs(limits) do
    local ends = windows.at(period, now).ends
    local count, err = counters:incr(keys.of(conf, identifier, period, now), value, 0, ends - now)
    if not count then
      kong.log.err("could not increment counter for period '", period, "': ", err)
      return nil, err
    end
  end
  return true
end


return policy
