-- The phases after access: response, header_filter, body_filter and log. Each walks the array that the request's plan
-- has for it. Called by kong.runloop; C enters a phase only if the plan (or the gateway) has something for it.
-- Must never suspend in header_filter, body_filter and log.
local access = require "kong.runloop.access"
local proxy = require "ngx.proxy"
local report = require "kong.runloop.report"
local state = require "kong.runloop.state"
local timing = require "kong.runloop.timing"
local walk = require "kong.runloop.walk"

local cut = require("kong.runloop.plugins_iterator").cut
local floor = math.floor
local latency = proxy.latency

local filters = {}

local TEXT_TYPES = { ["text/html"] = true, ["text/plain"] = true, ["text/xml"] = true }

local PHASE_RESPONSE, PHASE_HEADER_FILTER, PHASE_BODY_FILTER, PHASE_LOG = 0x80, 0x200, 0x400, 0x2000


-- A request that never reached its plugins goes by the global ones; one that a plugin ended (ngx.exit) or answered
-- (ngx.say) by itself goes by those up to that plugin.
local function plan_of(ctx)
  local plan = ctx.plugins_plan
  if not plan then
    plan = state.iterator.globals
    ctx.plugins_plan = plan
  end
  local entry = ctx.access_entry
  if entry and not ctx.KONG_EXITED and not ctx.KONG_UNEXPECTED then
    return cut(plan, entry.ordinal)
  end
  return plan
end


local function leave(ctx)
  ctx.plugin_id, ctx.plugin_handler, ctx.KONG_LOG = nil, nil, nil
end


local function log_error(ctx, entry, phase, err)
  leave(ctx)
  kong.log.err("plugin '", entry.name, "' failed in phase ", phase, ", request_id: ", ngx.var.kong_request_id or "", ": ",
               tostring(err))
end


local function cut_off(ctx, entry, phase, err)
  log_error(ctx, entry, phase, err)
  error(err, 0)
end


local walk_response = walk.new("response", function(ctx, entry, phase, err)
  leave(ctx)
  return access.plugin_failed(ctx, entry, phase, err)
end)
local walk_header_filter = walk.new("header_filter", cut_off)
local walk_body_filter = walk.new("body_filter", cut_off)
local walk_log = walk.new("log", log_error)


-- Milliseconds as plugins and the log serializer read them.
local function whole(ms)
  return ms and floor(ms)
end


local function note_latencies(ctx)
  if proxy.is_proxied() then
    ctx.KONG_PROXIED = true
    ctx.KONG_PROXY_LATENCY = whole(latency(0))
    ctx.KONG_WAITING_TIME = whole(latency(1))
  elseif ctx.KONG_PROXIED then
    -- A plugin answered for the service.
    proxy.mark_balanced()
    ctx.KONG_PROXY_LATENCY = whole(latency(0))
  else
    ctx.KONG_RESPONSE_LATENCY = whole(latency(2))
  end
end


-- Which route and service were chosen, for a client that asked and is allowed to know.
local function add_debug_headers(ctx)
  local route, service = ctx.route, ctx.service
  local header = ngx.header
  if route then
    header["Kong-Route-Id"] = route.id
    header["Kong-Route-Name"] = route.name
  end
  if service then
    header["Kong-Service-Id"] = service.id
    header["Kong-Service-Name"] = service.name
  end
end


-- Text that Lua code had in its hands goes out with its character set, as nginx does it.
local function add_charset()
  local value = ngx.header["Content-Type"]
  if TEXT_TYPES[value] then
    ngx.header["Content-Type"] = value .. "; charset=UTF-8"
  end
end


function filters.response()
  local ctx = ngx.ctx
  ctx.KONG_PHASE = PHASE_RESPONSE
  note_latencies(ctx)
  local list = plan_of(ctx).response
  if list then
    walk_response(ctx, list)
  end
  add_charset()
end


function filters.header_filter()
  local ctx = ngx.ctx
  ctx.KONG_PHASE = PHASE_HEADER_FILTER
  note_latencies(ctx)
  report.set_cookie()
  if ctx.wants_debug then
    add_debug_headers(ctx)
  end
  local tracing = state.instrumentation
  if tracing then
    tracing.note_response(ctx)
  end
  local list = plan_of(ctx).header_filter
  if list then
    walk_header_filter(ctx, list)
  end
  if ctx.KONG_PLUGIN_TIMING then
    timing.add_header(ctx)
  end
end


function filters.body_filter()
  local ctx = ngx.ctx
  ctx.KONG_PHASE = PHASE_BODY_FILTER
  local replaced = ctx.response_body
  if replaced then
    ctx.response_body = nil
    ngx.arg[1], ngx.arg[2] = replaced, true
  end
  local list = plan_of(ctx).body_filter
  if list then
    walk_body_filter(ctx, list)
  end
end


function filters.log()
  report.finish()
  local ctx = ngx.ctx
  local list = plan_of(ctx).log
  if not list then
    return
  end
  ctx.KONG_PHASE = PHASE_LOG
  if not ctx.KONG_PROXY_LATENCY and not ctx.KONG_RESPONSE_LATENCY then
    note_latencies(ctx)
  end
  if proxy.is_proxied() then
    ctx.KONG_RECEIVE_TIME = whole(latency(proxy.RECEIVE_TIME))
  end
  local tracing = state.instrumentation
  if tracing then
    tracing.finish(ctx)
  end
  walk_log(ctx, list)
end


return filters
