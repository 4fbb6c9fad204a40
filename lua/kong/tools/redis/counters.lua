-- Plain counters in Redis for rate limiting: read one, count several in one round trip. conf: of kong.tools.redis.schema.
-- Each takes a connection from the pool and gives it back, or closes it after an error.
local connection = require "kong.tools.redis.connection"

local tonumber = tonumber

local counters = {}


-- The number under a key, 0 when it is not there | nil, err.
function counters.get(conf, key)
  local red, err = connection.get(conf)
  if not red then
    return nil, err
  end
  local value
  value, err = red:get(key)
  if not value then
    red:close()
    return nil, err or "no reply from Redis"
  end
  connection.put(red)
  return tonumber(value) or 0
end


-- Adds `value` to every key of `ends`: key -> second at which it ends. true | nil, err.
function counters.add(conf, ends, value)
  local red, err = connection.get(conf)
  if not red then
    return nil, err
  end
  red:init_pipeline()
  for key, second in pairs(ends) do
    red:incrby(key, value)
    red:expireat(key, second)
  end
  local ok
  ok, err = red:commit_pipeline()
  if not ok then
    red:close()
    return nil, err
  end
  connection.put(red)
  return true
end


return counters
