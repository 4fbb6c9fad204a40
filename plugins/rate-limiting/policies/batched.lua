-- Counters that a worker keeps itself and brings to Redis every sync_rate seconds: no round trip per request,
-- at the price of exceeding a limit by what the other nodes took since the last synchronisation.
local connection = require "kong.tools.redis.connection"
local counters = require "kong.tools.redis.counters"
local keys = require "kong.plugins.rate-limiting.policies.keys"
local windows = require "kong.plugins.rate-limiting.windows"

local ngx = ngx
local next = next
local tonumber = tonumber

local batched = {}

-- By server: {counters = {key = counter}, is_scheduled =}. A counter: {known = total at the last
-- synchronisation, delta = what was counted since, ends =}.
local servers = {}

local ADD = [[
local total = redis.call("incrby", KEYS[1], ARGV[1])
redis.call("expireat", KEYS[1], ARGV[2])
return total
]]


local function server_of(conf)
  local redis = conf.redis
  local name = redis.host .. ":" .. redis.port .. ";" .. (redis.database or 0)
  local server = servers[name]
  if not server then
    server = { counters = {} }
    servers[name] = server
  end
  return server
end


local function drop_ended(list, now)
  for key, counter in next, list do
    if counter.ends <= now then
      list[key] = nil
    end
  end
end


local function send(server, redis_conf)
  local red, err = connection.get(redis_conf)
  if not red then
    return nil, err
  end
  local sent, deltas, n = {}, {}, 0
  red:init_pipeline()
  for key, counter in next, server.counters do
    if counter.delta > 0 then
      n = n + 1
      sent[n], deltas[n] = counter, counter.delta
      red:eval(ADD, 1, key, counter.delta, counter.ends)
    end
  end
  if n == 0 then
    red:cancel_pipeline()
    connection.put(red)
    return true
  end
  local replies
  replies, err = red:commit_pipeline()
  if not replies then
    red:close()
    return nil, err
  end
  for i = 1, n do
    local total = tonumber(replies[i])
    if total then
      sent[i].known = total
      sent[i].delta = sent[i].delta - deltas[i]
    end
  end
  connection.put(red)
  return true
end


-- What could not be brought to Redis stays in the counters, and goes with the next attempt.
local function synchronise(premature, server, conf)
  server.is_scheduled = false
  if premature then
    return
  end
  local ok, err = send(server, conf.redis)
  if not ok then
    kong.log.err("failed to synchronise counters with Redis: ", err)
  end
  drop_ended(server.counters, ngx.time())
end


local function schedule(server, conf)
  if server.is_scheduled then
    return
  end
  server.is_scheduled = true
  local ok, err = ngx.timer.at(conf.sync_rate, synchronise, server, conf)
  if not ok then
    server.is_scheduled = false
    kong.log.err("failed to create timer: ", err)
  end
end


local function counter_of(server, conf, key, ends)
  local counter = server.counters[key]
  if counter then
    return counter
  end
  local known, err = counters.get(conf.redis, key)
  if not known then
    return nil, err
  end
  -- Reading yields: another request may have been faster.
  counter = server.counters[key] or { known = known, delta = 0, ends = ends }
  server.counters[key] = counter
  return counter
end


-- See policies.take.
function batched.take(conf, plan, identifier, now)
  local server = server_of(conf)
  local prefix = keys.prefix(conf) .. identifier
  local counters, usages, stop = {}, {}, nil
  for i = 1, plan.n do
    local window = windows.at(plan.periods[i], now)
    local counter, err = counter_of(server, conf, prefix .. window.suffix, window.ends)
    if not counter then
      return nil, nil, err
    end
    counters[i] = counter
  end
  for i = 1, plan.n do
    usages[i] = counters[i].known + counters[i].delta
    if usages[i] >= plan.limits[i] then
      stop = i
    end
  end
  if not stop then
    for i = 1, plan.n do
      counters[i].delta = counters[i].delta + 1
    end
    schedule(server, conf)
  end
  return usages, stop
end


return batched
