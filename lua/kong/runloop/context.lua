-- ngx.ctx of a request that plugins look at. What every request needs is put in at once; what few plugins read
-- (balancer_data, request_uri, ...) comes into being when it is first read.
-- Called by kong.runloop.access at the start of the phase.
local proxy = require "ngx.proxy"

local array_mt = require("kong.tools.cjson").array_mt
local floor = math.floor
local listen_port = proxy.listen_port
local latency = proxy.latency
local max = math.max
local rawget = rawget
local rawset = rawset
local setmetatable = setmetatable
local try_get = proxy.try_get

local context = {}

local PHASE_ACCESS, PHASE_RESPONSE, PHASE_BODY_FILTER, PHASE_LOG = 0x20, 0x80, 0x400, 0x2000
-- Outcome of a try that brought a response (enum kgw_outcome).
local ANSWERED = 1
-- Phases that come after the upstream was asked.
local AFTER = { [0x80] = true, [0x200] = true, [0x400] = true, [0x2000] = true }

local lazy = {}


function lazy.KONG_PROCESSING_START()
  return ngx.req.start_time() * 1000
end


function lazy.host_port()
  return listen_port()
end


function lazy.request_uri()
  return ngx.var.request_uri
end


-- When phases began and how long they took, in whole milliseconds, for plugins that trace requests. The phases are not
-- timed for it: what runs before the upstream is asked counts as access, the filters take no time. Values of a phase are
-- there when it is over, starts when it has begun.
local function start_of(ctx)
  return floor(ctx.KONG_PROCESSING_START)
end


local function no_time()
  return 0
end


-- The moment at which the upstream was asked, or nil before that and without it.
local function asked_at(ctx)
  local own = AFTER[rawget(ctx, "KONG_PHASE")] and (rawget(ctx, "KONG_PROXY_LATENCY") or latency(0))
  return own and start_of(ctx) + floor(own) or nil
end


local function access_end(ctx)
  if not AFTER[rawget(ctx, "KONG_PHASE")] then
    return nil
  end
  return asked_at(ctx) or start_of(ctx) + floor(rawget(ctx, "KONG_RESPONSE_LATENCY") or latency(2) or 0)
end


-- The response's first byte.
local function answered_at(ctx)
  local asked = asked_at(ctx)
  return asked and asked + floor(rawget(ctx, "KONG_WAITING_TIME") or latency(1) or 0) or access_end(ctx)
end


local function held_at(ctx)
  if rawget(ctx, "buffered_proxying") or (ctx.plugins_plan and ctx.plugins_plan.response) then
    return asked_at(ctx) and answered_at(ctx)
  end
end


local function held_until(ctx)
  return rawget(ctx, "KONG_PHASE") ~= PHASE_RESPONSE and held_at(ctx) or nil
end


local function headers_at(ctx)
  return rawget(ctx, "KONG_PHASE") ~= PHASE_RESPONSE and answered_at(ctx) or nil
end


local function headers_over_at(ctx)
  local phase = rawget(ctx, "KONG_PHASE")
  return (phase == PHASE_BODY_FILTER or phase == PHASE_LOG) and answered_at(ctx) or nil
end


local function body_over_at(ctx)
  if rawget(ctx, "KONG_PHASE") == PHASE_LOG then
    return answered_at(ctx) + (rawget(ctx, "KONG_RECEIVE_TIME") or 0)
  end
end


-- A duration of nothing from when `moment` is there.
local function none_after(moment)
  return function(ctx)
    return moment(ctx) and 0
  end
end


lazy.KONG_REWRITE_START, lazy.KONG_REWRITE_ENDED_AT, lazy.KONG_REWRITE_TIME = start_of, start_of, no_time
lazy.KONG_ACCESS_START, lazy.KONG_ACCESS_ENDED_AT = start_of, access_end
lazy.KONG_BALANCER_START, lazy.KONG_BALANCER_ENDED_AT, lazy.KONG_BALANCER_TIME = asked_at, asked_at, none_after(asked_at)
lazy.KONG_RESPONSE_START, lazy.KONG_RESPONSE_ENDED_AT, lazy.KONG_RESPONSE_TIME = held_at, held_until, none_after(held_until)
lazy.KONG_HEADER_FILTER_START, lazy.KONG_HEADER_FILTER_ENDED_AT = headers_at, headers_over_at
lazy.KONG_HEADER_FILTER_TIME = none_after(headers_over_at)
lazy.KONG_BODY_FILTER_START, lazy.KONG_BODY_FILTER_ENDED_AT = headers_over_at, body_over_at
lazy.KONG_BODY_FILTER_TIME = none_after(body_over_at)


function lazy.KONG_ACCESS_TIME(ctx)
  local over = access_end(ctx)
  return over and over - start_of(ctx)
end


function lazy.KONG_LOG_START(ctx)
  local over = body_over_at(ctx)
  return over and max(over, floor(ngx.now() * 1000))
end


-- The tries that C made without asking Lua again.
local function add_tries(ctx, data)
  local started_at = ctx.KONG_PROCESSING_START + (latency(0) or 0)
  local n = proxy.tries()
  for i = 1, n do
    local ip, port, status, outcome = try_get(i - 1)
    if ip then
      data.ip, data.port, data.hostname = ip, port, data.host
      data.tries[#data.tries + 1] = {
        ip = ip, port = port, balancer_start = floor(started_at), balancer_start_ns = started_at * 1e6,
        balancer_latency = 0, balancer_latency_ns = 0,
        -- Another try followed.
        state = i < n and (outcome == ANSWERED and "next" or "failed") or nil,
        code = i < n and status or nil,
      }
    end
  end
  data.try_count = n
end


function lazy.balancer_data(ctx)
  local rec = rawget(ctx, "plugins_record")
  if not rec then
    return nil
  end
  local data = {
    scheme = rec.scheme,
    type = rec.host_type,
    host = rec.host,
    port = rec.port,
    try_count = 0,
    tries = setmetatable({}, array_mt),
    retries = rec.retries,
    connect_timeout = rec.connect_ms,
    send_timeout = rec.send_ms,
    read_timeout = rec.read_ms,
  }
  if AFTER[rawget(ctx, "KONG_PHASE")] then
    add_tries(ctx, data)
  end
  return data
end


local mt = {
  __index = function(ctx, key)
    local make = lazy[key]
    if not make then
      return nil
    end
    local value = make(ctx)
    rawset(ctx, key, value)
    return value
  end,
}


-- Fills the running request's ngx.ctx for a route's match.
function context.fill(ctx, match, rec)
  ctx.KONG_PHASE = PHASE_ACCESS
  ctx.workspace = rec.workspace
  ctx.route = match.route
  ctx.service = match.service
  ctx.router_matches = match.matches
  ctx.plugins_plan = rec.plan
  ctx.plugins_record = rec
  return setmetatable(ctx, mt)
end


return context
