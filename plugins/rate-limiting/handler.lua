-- Limits how many requests a client may make per second, minute, hour, day, month and year.
local meta = require "kong.meta"
local policies = require "kong.plugins.rate-limiting.policies"
local windows = require "kong.plugins.rate-limiting.windows"

local kong = kong
local ngx = ngx
local header = ngx.header
local tostring = tostring
local time = ngx.time
local max = math.max


local RateLimiting = {
  VERSION = meta.version,
  PRIORITY = 910,
}


-- What a configuration comes to: the limited periods with their header names. See policies.take.
local plans = setmetatable({}, { __mode = "k" })

local function plan_of(conf)
  local plan = plans[conf]
  if plan then
    return plan
  end
  plan = { n = 0, periods = {}, limits = {}, limit_names = {}, remaining_names = {}, limit_texts = {} }
  for _, period in ipairs(windows.PERIODS) do
    local limit = conf[period]
    if limit then
      local n = plan.n + 1
      local title = period:sub(1, 1):upper() .. period:sub(2)
      plan.n = n
      plan.periods[n], plan.limits[n] = period, limit
      plan.limit_texts[n] = tostring(limit)
      plan.limit_names[n] = "X-RateLimit-Limit-" .. title
      plan.remaining_names[n] = "X-RateLimit-Remaining-" .. title
    end
  end
  plans[conf] = plan
  return plan
end


local identifiers = {}


function identifiers.consumer()
  local who = kong.client.get_consumer() or kong.client.get_credential()
  return who and who.id
end


function identifiers.credential()
  local credential = kong.client.get_credential()
  return credential and credential.id
end


function identifiers.service()
  local service = kong.router.get_service()
  return service and service.id
end


function identifiers.header(conf)
  return kong.request.get_header(conf.header_name)
end


function identifiers.path(conf)
  local path = kong.request.get_path()
  return path == conf.path and path
end


function identifiers.ip()
  return nil
end


-- Tells the client about every window, and about the one with the least left. Returns seconds until that ends.
local function set_headers(plan, usages, stop, now)
  local least, at
  for i = 1, plan.n do
    local remaining = plan.limits[i] - usages[i]
    if not stop or stop == i then
      remaining = remaining - 1
    end
    remaining = max(0, remaining)
    if not least or remaining <= least then
      least, at = remaining, i
    end
    header[plan.limit_names[i]] = plan.limit_texts[i]
    header[plan.remaining_names[i]] = tostring(remaining)
  end
  local reset = max(1, windows.at(plan.periods[at], now).ends - now)
  header["RateLimit-Limit"] = plan.limit_texts[at]
  header["RateLimit-Remaining"] = tostring(least)
  header["RateLimit-Reset"] = tostring(reset)
  return reset
end


function RateLimiting:access(conf)
  local plan = plan_of(conf)
  local now = time()
  local identifier = identifiers[conf.limit_by](conf) or kong.client.get_forwarded_ip()

  local usages, stop, err = policies[conf.policy].take(conf, plan, identifier, now)
  if not usages then
    if not conf.fault_tolerant then
      return error(err)
    end
    kong.log.err("failed to get usage: ", err)
    return
  end

  local reset
  if not conf.hide_client_headers then
    reset = set_headers(plan, usages, stop, now)
  end
  if stop then
    if reset then
      header["Retry-After"] = tostring(reset)
    end
    return kong.response.error(conf.error_code, conf.error_message)
  end
end


return RateLimiting
