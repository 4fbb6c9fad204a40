-- The gateway's own spans of a request (tracing_instrumentations in kong.conf): one for the request, below it those for
-- finding the route, for each plugin in each phase, for the tries of an upstream server, for names that are resolved and
-- for requests of plugins' HTTP clients. Plugins read them with kong.tracing.
-- The runloop calls these functions only when kong.runloop.state.instrumentation is set.
local request_id = require "kong.observability.tracing.request_id"
local time_ns = require("kong.tools.time").time_ns
local tracing_context = require "kong.observability.tracing.tracing_context"

local fmt = string.format
local gmatch = string.gmatch
local ngx = ngx
local tonumber = tonumber

local instrumentation = {}

local SERVER, CLIENT = 2, 3
local STATUS_ERROR = 2
local PLUGIN_KINDS = { rewrite = "plugin_rewrite", access = "plugin_access", header_filter = "plugin_header_filter" }

local tracer
-- By kind of spans; all of them when kinds.all.
local kinds = {}
-- Span names by phase and plugin.
local names = { rewrite = {}, access = {}, header_filter = {} }


local function wants(kind)
  return kinds[kind] or kinds.all
end


local function start(name, options)
  local one = tracer.start_span(name, options)
  tracer.set_active_span(one)
  return one
end


-- Requests of resty.http clients become spans.
local function watch_http_client()
  local http = require "resty.http"
  local request_uri = http.request_uri
  function http.request_uri(self, uri, params)
    local attributes = {
      ["http.url"] = uri,
      ["http.method"] = params and params.method or "GET",
      ["http.flavor"] = params and params.version or "1.1",
      ["http.user_agent"] = params and params.headers and params.headers["User-Agent"] or http._USER_AGENT,
    }
    local one = tracer.start_span("kong.internal.request", { span_kind = CLIENT, attributes = attributes })
    local res, err = request_uri(self, uri, params)
    if res then
      attributes["http.status_code"] = res.status
    else
      one:record_error(err)
    end
    one:finish()
    return res, err
  end
end


-- Returns this module when the settings ask for spans, else nil.
function instrumentation.init(conf)
  local list = conf.tracing_instrumentations
  if not list or not list[1] or list[1] == "off" or ngx.config.subsystem ~= "http" then
    return nil
  end
  for i = 1, #list do
    kinds[list[i]] = true
  end
  tracer = kong.tracing.new("instrument", { sampling_rate = conf.tracing_sampling_rate })
  if wants("http_client") then
    watch_http_client()
  end
  return instrumentation
end


local function http_flavor()
  local version = ngx.req.http_version()
  return version and fmt("%.1f", version)
end


-- The span of the request; a second call does nothing.
function instrumentation.start(ctx)
  if ctx.KONG_SPANS then
    return
  end
  local var = ngx.var
  local client, scheme, host = kong.client, var.scheme, var.host
  local root = start("kong", {
    span_kind = SERVER,
    start_time_ns = ngx.req.start_time() * 1e9,
    attributes = {
      ["http.method"] = ngx.req.get_method(),
      ["http.url"] = scheme .. "://" .. host .. var.request_uri,
      ["http.host"] = host,
      ["http.scheme"] = scheme,
      ["http.flavor"] = http_flavor(),
      ["http.client_ip"] = client.get_forwarded_ip(),
      ["net.peer.ip"] = client.get_ip(),
      ["kong.request.id"] = request_id.get(),
    },
  })
  tracing_context.set_raw_trace_id(root.trace_id, ctx)
  if wants("balancer") then
    -- Has its id before the headers for the upstream are written, and its place among the spans at the end.
    local options = { span_kind = CLIENT, parent = root }
    tracing_context.set_unlinked_span("balancer", tracer.create_span(tracer, options), ctx)
  end
end


-- Calls fn(...) with one result inside a span.
function instrumentation.find_route(fn)
  if not wants("router") then
    return fn()
  end
  local one = start("kong.router")
  local match = fn()
  one:finish()
  return match
end


-- resolve(host, port, is_retry) inside a span.
function instrumentation.resolve(resolve, host, port, is_retry)
  if not wants("dns_query") then
    return resolve(host, port, is_retry)
  end
  local one = start("kong.dns", { span_kind = CLIENT })
  local ip, found_port, name = resolve(host, port, is_retry)
  one:set_attribute("dns.record.domain", host)
  one:set_attribute("dns.record.port", port)
  if ip then
    one:set_attribute("dns.record.ip", ip)
  else
    one:record_error(found_port)
    one:set_status(STATUS_ERROR)
  end
  one:finish()
  return ip, found_port, name
end


-- Ends the span of a plugin that ended its phase without coming back.
local function close(ctx)
  local open = ctx.KONG_OPEN_SPAN
  if open then
    ctx.KONG_OPEN_SPAN = nil
    open:finish()
  end
end


-- Around a plugin's handler: enter may return nil, leave takes what it returned.
function instrumentation.enter(ctx, plugin, phase)
  close(ctx)
  local kind = PLUGIN_KINDS[phase]
  if not kind or not wants(kind) then
    return nil
  end
  local of_phase = names[phase]
  local name = of_phase[plugin]
  if not name then
    name = "kong." .. phase .. ".plugin." .. plugin
    of_phase[plugin] = name
  end
  local one = start(name)
  ctx.KONG_OPEN_SPAN = one
  return one
end


instrumentation.leave = close


-- Before the plugins' header_filter handlers.
function instrumentation.note_response(ctx)
  close(ctx)
  local root = tracer.get_root_span()
  if root then
    local route = ctx.route
    root:set_attribute("http.status_code", ngx.status)
    root:set_attribute("http.route", route and route.paths and route.paths[1] or "")
  end
end


local function end_of_try(try, connect_times, i)
  local took_ns = try.balancer_latency_ns
  return took_ns and try.balancer_start_ns + took_ns + (connect_times[i] or 0) * 1e9
end


local function add_tries(ctx, data)
  local connect_times = {}
  for seconds in gmatch(ngx.var.upstream_connect_time or "", "[^, ]+") do
    connect_times[#connect_times + 1] = tonumber(seconds) or 0
  end
  local reserved = tracing_context.get_unlinked_span("balancer", ctx)
  for i = 1, data.try_count do
    local one
    local try = data.tries[i]
    local options = {
      span_kind = CLIENT,
      start_time_ns = try.balancer_start_ns,
      attributes = { try_count = i, ["net.peer.ip"] = try.ip, ["net.peer.port"] = try.port },
    }
    local is_last = i == data.try_count and not try.state and reserved and not reserved.linked
    if is_last then
      one = reserved
      tracer.link_span(tracer, one, "kong.balancer", options)
    else
      one = tracer.start_span("kong.balancer", options)
    end
    if data.hostname then
      one:set_attribute("net.peer.name", data.hostname)
    end
    if try.state then
      one:set_attribute("http.status_code", try.code)
      one:set_status(STATUS_ERROR)
    end
    one:finish(not is_last and end_of_try(try, connect_times, i) or time_ns())
  end
end


-- Before the plugins' log handlers.
function instrumentation.finish(ctx)
  local root = tracer.get_root_span()
  if not root then
    return
  end
  close(ctx)
  if not root.attributes["http.status_code"] then
    instrumentation.note_response(ctx)
  end
  if wants("balancer") and ctx.balancer_data then
    add_tries(ctx, ctx.balancer_data)
  end
  root:finish()
end


return instrumentation
