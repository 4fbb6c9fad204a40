-- Where the counters of response-ratelimiting live, by the name of the `policy` setting. Each policy has
--   usage(conf, identifier, name, period, now) -> number | nil, err
--   increment(conf, identifier, name, now, value) -> true | nil, err: in every period that the limit has
-- with `now` in seconds.
local redis_counters = require "kong.tools.redis.counters"
local windows = require "kong.plugins.rate-limiting.windows"

local kong = kong
local fmt = string.format
local type = type

local counters = ngx.shared.kong_rate_limiting_counters

local NO_UUID = "00000000-0000-0000-0000-000000000000"


local function id_or_none(id)
  return type(id) == "string" and id or NO_UUID
end


-- Names are those that Kong uses, so that nodes of both may share a Redis server.
local function key_of(conf, identifier, name, period, window)
  return fmt("response-ratelimit:%s:%s:%s:%.0f:%s:%s", id_or_none(conf.route_id), id_or_none(conf.service_id),
             identifier, window.start * 1000, name, period)
end


local in_memory = {}


function in_memory.usage(conf, identifier, name, period, now)
  local value, err = counters:get(key_of(conf, identifier, name, period, windows.at(period, now)))
  if err then
    return nil, err
  end
  return value or 0
end


function in_memory.increment(conf, identifier, name, now, value)
  for period in pairs(conf.limits[name]) do
    local window = windows.at(period, now)
    local key = key_of(conf, identifier, name, period, window)
    local count, err = counters:incr(key, value, 0, math.max(1, window.ends - now))
    if not count then
      kong.log.err("could not increment counter for period '", period, "': ", err)
      return nil, err
    end
  end
  return true
end


local in_redis = {}


function in_redis.usage(conf, identifier, name, period, now)
  return redis_counters.get(conf.redis, key_of(conf, identifier, name, period, windows.at(period, now)))
end


function in_redis.increment(conf, identifier, name, now, value)
  local ends = {}
  for period in pairs(conf.limits[name]) do
    local window = windows.at(period, now)
    ends[key_of(conf, identifier, name, period, window)] = window.ends
  end
  return redis_counters.add(conf.redis, ends, value)
end


return { ["local"] = in_memory, redis = in_redis }
