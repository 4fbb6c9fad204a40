-- ngx.ctx of a request that plugins look at. What every request needs is put in at once; what few plugins read
-- (balancer_data, request_uri, ...) comes into being when it is first read.
-- Called by kong.runloop.access at the start of the phase.
local proxy = require "ngx.proxy"

local array_mt = require("kong.tools.cjson").array_mt
local floor = math.floor
local listen_port = proxy.listen_port
local latency = proxy.latency
local rawget = rawget
local rawset = rawset
local setmetatable = setmetatable
local try_get = proxy.try_get

local context = {}

local PHASE_ACCESS = 0x20
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
-- timed for it: what runs before the upstream is asked counts as access, the filters take no time.
function lazy.KONG_REWRITE_START(ctx)
  return floor(ctx.KONG_PROCESSING_START)
end


function lazy.KONG_ACCESS_START(ctx)
  return floor(ctx.KONG_PROCESSING_START)
end


function lazy.KONG_ACCESS_TIME()
  return floor(latency(0) or 0)
end


function lazy.KONG_ACCESS_ENDED_AT(ctx)
  return floor(ctx.KONG_PROCESSING_START) + ctx.KONG_ACCESS_TIME
end


function lazy.KONG_HEADER_FILTER_START()
  return floor(ngx.now() * 1000)
end


local function no_time()
  return 0
end


lazy.KONG_REWRITE_TIME, lazy.KONG_HEADER_FILTER_TIME, lazy.KONG_BODY_FILTER_TIME = no_time, no_time, no_time


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
