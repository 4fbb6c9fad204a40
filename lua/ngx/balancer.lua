-- require "ngx.balancer": the peer of the next try, for code that runs in the balancer phase.
local base = require "ngx.base"
local proxy = require "ngx.proxy"

local cur = base.cur
local floor = math.floor
local tonumber = tonumber
local type = type
local DEFAULT_MS = 60000
local NO_UPSTREAM = "no upstream found"

local Balancer = { version = "0.1.28" }


local function is_outside()
  if cur.req == nil then
    error("no request found", 3)
  end
  return cur.phase ~= base.BALANCER
end


--- Chooses the peer: true, or nil, err. opts.pool names its keep-alive pool.
function Balancer.set_current_peer(addr, port, opts)
  if is_outside() then
    return nil, NO_UPSTREAM
  end
  port = tonumber(port) or 0
  if proxy.set_peer(addr, port, nil, type(opts) == "table" and opts.pool or addr .. ":" .. port) ~= true then
    return nil, "no host allowed"
  end
  return true
end


--- How many more tries may follow this one.
function Balancer.set_more_tries(count)
  if is_outside() then
    return nil, NO_UPSTREAM
  end
  proxy.set_retries(count)
  return true
end


--- "next" (an answer that asks for another try) or "failed", and its status; nil at the first try.
function Balancer.get_last_failure()
  if is_outside() then
    return nil, nil, NO_UPSTREAM
  end
  if proxy.tries() == 0 then
    return nil
  end
  return proxy.has_answer() and "next" or "failed", proxy.upstream_status()
end


--- Seconds; nil stands for a minute.
function Balancer.set_timeouts(connect, send, read)
  if is_outside() then
    return false, NO_UPSTREAM
  end
  local function ms(seconds)
    if seconds == nil then
      return DEFAULT_MS
    elseif seconds <= 0 then
      error("bad timeout value", 3)
    end
    return floor(seconds * 1000)
  end
  proxy.set_timeouts(ms(connect), ms(send), ms(read))
  return true
end


--- Idle seconds and requests of the connection that will be kept.
function Balancer.enable_keepalive(idle, max)
  if is_outside() then
    return nil, NO_UPSTREAM
  end
  proxy.set_keepalive(floor((idle or 60) * 1000), max or 100)
  return true
end


--- The next try is always built from the request as it is then.
function Balancer.recreate_request()
  if is_outside() then
    return nil, NO_UPSTREAM
  end
  return true
end


return Balancer
