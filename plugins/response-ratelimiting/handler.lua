-- Limits what a client may use of things that the upstream counts: a response header tells what a request cost.
local meta = require "kong.meta"
local policies = require "kong.plugins.response-ratelimiting.policies"

local kong = kong
local ngx = ngx
local header = ngx.header
local max = math.max
local tonumber = tonumber
local tostring = tostring


local ResponseRateLimiting = {
  PRIORITY = 900,
  VERSION = meta.version,
}


local function identifier_of(conf)
  local who
  if conf.limit_by == "consumer" then
    who = kong.client.get_consumer() or kong.client.get_credential()
  elseif conf.limit_by == "credential" then
    who = kong.client.get_credential()
  end
  return who and who.id or kong.client.get_forwarded_ip()
end


-- {name = {period = {limit =, remaining =}}} | nil, err
local function usage_of(conf, identifier, now)
  local usage = {}
  for name, limits in pairs(conf.limits) do
    usage[name] = {}
    for period, limit in pairs(limits) do
      local used, err = policies[conf.policy].usage(conf, identifier, name, period, now)
      if err then
        return nil, err
      end
      usage[name][period] = { limit = limit, remaining = limit - used }
    end
  end
  return usage
end


local function least_remaining(periods)
  local least
  for _, window in pairs(periods) do
    if not least or window.remaining < least then
      least = window.remaining
    end
  end
  return least
end


function ResponseRateLimiting:access(conf)
  local identifier = identifier_of(conf)
  local usage, err = usage_of(conf, identifier, ngx.time())
  if not usage then
    if not conf.fault_tolerant then
      return error(err)
    end
    kong.log.err("failed to get usage: ", err)
    return
  end
  for name, periods in pairs(usage) do
    if conf.block_on_first_violation then
      for _, window in pairs(periods) do
        if window.remaining == 0 then
          return kong.response.error(429, "API rate limit exceeded for '" .. name .. "'")
        end
      end
    end
  end
  for name, periods in pairs(usage) do
    header["X-RateLimit-Remaining-" .. name] = tostring(least_remaining(periods))
  end
  local ctx = kong.ctx.plugin
  ctx.identifier, ctx.usage = identifier, usage
end


-- "video=2, image=1" as {video = 2, image = 1}; names without a limit do not count.
local function parse_costs(value, limits)
  local costs = {}
  for name, cost in (value or ""):gmatch("%s*([^,=]-)%s*=%s*([^,=]*)") do
    if limits[name] then
      costs[name] = tonumber((cost:gsub("%s+$", "")))
    end
  end
  return costs
end


local function costs_of(conf)
  local value = kong.service.response.get_header(conf.header_name)
  if type(value) == "table" then
    value = table.concat(value, ",")
  end
  return parse_costs(value, conf.limits)
end


function ResponseRateLimiting:header_filter(conf)
  local ctx = kong.ctx.plugin
  local usage = ctx.usage
  if not usage then
    return
  end
  local costs = costs_of(conf)
  local is_exceeded = false
  for name, periods in pairs(usage) do
    local cost = costs[name] or 0
    for period, window in pairs(periods) do
      if not conf.hide_client_headers then
        header["X-RateLimit-Limit-" .. name .. "-" .. period] = tostring(window.limit)
        header["X-RateLimit-Remaining-" .. name .. "-" .. period] = tostring(max(0, window.remaining - cost))
      end
      is_exceeded = is_exceeded or cost > 0 and window.remaining <= 0
    end
  end
  kong.response.clear_header(conf.header_name)
  if is_exceeded then
    return kong.response.exit(429)
  end
  ctx.costs = costs
end


local function increment(premature, conf, identifier, costs, now)
  if premature then
    return
  end
  local policy = policies[conf.policy]
  for name, cost in pairs(costs) do
    if cost ~= 0 then
      local ok, err = policy.increment(conf, identifier, name, now, cost)
      if not ok then
        kong.log.err("failed to count: ", err)
      end
    end
  end
end


-- Redis cannot be asked from here, where nothing may yield.
function ResponseRateLimiting:log(conf)
  local ctx = kong.ctx.plugin
  local costs = ctx.costs
  if not costs or next(costs) == nil then
    return
  end
  if conf.policy == "local" then
    return increment(false, conf, ctx.identifier, costs, ngx.time())
  end
  local ok, err = ngx.timer.at(0, increment, conf, ctx.identifier, costs, ngx.time())
  if not ok then
    kong.log.err("failed to create timer: ", err)
  end
end


return ResponseRateLimiting
