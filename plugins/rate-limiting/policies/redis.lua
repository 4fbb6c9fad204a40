-- Counters in Redis: one script call per request decides and counts, so that no two nodes can both take
-- the last permitted request. With a sync_rate, see policies/batched.lua.
local batched = require "kong.plugins.rate-limiting.policies.batched"
local connection = require "kong.tools.redis.connection"
local counters = require "kong.tools.redis.counters"
local keys = require "kong.plugins.rate-limiting.policies.keys"
local windows = require "kong.plugins.rate-limiting.windows"

local tonumber = tonumber
local unpack = unpack

local redis = {}

-- KEYS: a counter per window. ARGV: the cost, then limit and seconds to live of each.
-- Answers the number of the exhausted window or 0, then the usage of each before this request.
local TAKE = { text = [[
local reply = { 0 }
for i, key in ipairs(KEYS) do
  local used = tonumber(redis.call("get", key) or "0")
  reply[i + 1] = used
  if used >= tonumber(ARGV[2 * i]) then
    reply[1] = i
  end
end
if reply[1] == 0 then
  for i, key in ipairs(KEYS) do
    local used = redis.call("incrby", key, ARGV[1])
    if used == tonumber(ARGV[1]) then
      redis.call("expire", key, ARGV[2 * i + 1])
    end
  end
end
return reply
]] }


local function arguments(conf, plan, identifier, now)
  local prefix = keys.prefix(conf) .. identifier
  local n = plan.n
  local list = {}
  for i = 1, n do
    local window = windows.at(plan.periods[i], now)
    list[i] = prefix .. window.suffix
    list[n + 2 * i] = plan.limits[i]
    list[n + 2 * i + 1] = window.ends - now
  end
  list[n + 1] = 1
  return list
end


-- See policies.take.
function redis.take(conf, plan, identifier, now)
  if conf.sync_rate and conf.sync_rate > 0 then
    return batched.take(conf, plan, identifier, now)
  end
  local red, err = connection.get(conf.redis)
  if not red then
    return nil, nil, err
  end
  local reply
  reply, err = connection.run(red, TAKE, plan.n, unpack(arguments(conf, plan, identifier, now), 1, 3 * plan.n + 1))
  if not reply then
    red:close()
    return nil, nil, err or "no reply from Redis"
  end
  connection.put(red)
  local stop = tonumber(table.remove(reply, 1))
  return reply, stop > 0 and stop or nil
end


-- Usage of a counter, read without counting.
function redis.usage(conf, identifier, period, now_ms)
  return counters.get(conf.redis, keys.of(conf, identifier, period, now_ms / 1000))
end


-- Counts `value` in every window of `limits` ({period = limit}).
function redis.increment(conf, limits, identifier, now_ms, value)
  local ends = {}
  for period in pairs(limits) do
    ends[keys.of(conf, identifier, period, now_ms / 1000)] = windows.at(period, now_ms / 1000).ends
  end
  return counters.add(conf.redis, ends, value)
end


return redis
