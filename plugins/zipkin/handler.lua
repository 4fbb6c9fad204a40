-- Traces requests for Zipkin: a span for the request, one below it for the gateway's work as a proxy and one for each try
-- of an upstream server. The ids travel in headers (see kong.observability.tracing.propagation).
local get_rand_bytes = require("kong.tools.rand").get_rand_bytes
local meta = require "kong.meta"
local propagation = require "kong.observability.tracing.propagation"
local reporter = require "kong.plugins.zipkin.reporter"
local request_tags = require "kong.plugins.zipkin.request_tags"
local span = require "kong.plugins.zipkin.span"
local to_hex = require("resty.string").to_hex

local floor = math.floor
local ipairs = ipairs
local kong = kong
local ngx = ngx
local pairs = pairs
local random = math.random
local type = type


local Zipkin = {
  -- Before all others, so that times taken here are those of the phases.
  PRIORITY = 100000,
  VERSION = meta.version,
}

local is_http = ngx.config.subsystem == "http"


local function now_us()
  return ngx.now() * 1e6
end


-- What ngx.ctx says about a moment (milliseconds), in microseconds.
local function moment(name)
  local ms = ngx.ctx[name]
  return ms and ms * 1000
end


local function ids_of(conf, found)
  local should_sample = found.should_sample
  if should_sample == nil then
    should_sample = random() < conf.sample_ratio
  end
  local is_shared = found.reuse_span_id
  return {
    trace_id = found.trace_id or get_rand_bytes(conf.traceid_byte_count),
    -- Formats with one span id name the caller's span; those with two share a span between caller and callee.
    span_id = is_shared and found.span_id or nil,
    parent_id = is_shared and found.parent_id or not is_shared and found.span_id or nil,
    should_sample = should_sample,
    baggage = found.baggage,
  }
end


local function add_request_tags(conf, one)
  local request = kong.request
  local version = request.get_http_version()
  one:set_tag("http.method", request.get_method())
  one:set_tag("http.host", request.get_host())
  one:set_tag("http.path", request.get_path())
  if version then
    one:set_tag("http.protocol", "HTTP/" .. version)
  end
  local tags, err = request_tags.parse(request.get_headers()[conf.tags_header])
  if err then
    kong.log.warn(err)
  end
  for name, value in pairs(tags or {}) do
    one:set_tag(name, value)
  end
end


local function request_name(conf)
  if not is_http then
    return "stream"
  end
  local method = kong.request.get_method()
  if conf.http_span_name == "method_path" then
    return method .. " " .. kong.request.get_path()
  end
  return method
end


local function new_request_span(conf, found)
  if not found and is_http then
    found = propagation.extract(propagation.get_plugin_params(conf))
  end
  local one = span.new("SERVER", request_name(conf), ngx.req.start_time() * 1e6, ids_of(conf, found or {}))
  one.ip, one.port = kong.client.get_forwarded_ip(), kong.client.get_forwarded_port()
  one:set_tag("lc", "kong")
  for _, tag in ipairs(conf.static_tags or {}) do
    one:set_tag(tag.name, tag.value)
  end
  if is_http then
    add_request_tags(conf, one)
  end
  return one
end


-- The request's spans and the moments of its phases; found: the trace in its headers, if those were read already.
local function trace_of(conf, found)
  local ctx = kong.ctx.plugin
  local trace = ctx.zipkin
  if not trace then
    trace = { request_span = new_request_span(conf, found) }
    ctx.zipkin = trace
  end
  return trace
end


local function proxy_span(trace, start_us)
  local one = trace.proxy_span
  if not one then
    local request = trace.request_span
    one = request:new_child("CLIENT", request.name .. " (proxy)", start_us)
    trace.proxy_span = one
  end
  return one
end


local function outgoing(found, conf)
  local trace = trace_of(conf, found)
  trace.access_start = moment("KONG_ACCESS_START") or now_us()
  local one = proxy_span(trace, trace.access_start)
  found.trace_id = one.trace_id
  found.span_id = one.span_id
  found.parent_id = one.parent_id
  -- Other formats than B3 in several headers tell "not sampled" by saying nothing.
  found.should_sample = one.should_sample or nil
  found.baggage = one.baggage or found.baggage
  return found
end


function Zipkin:access(conf)
  propagation.propagate(propagation.get_plugin_params(conf), outgoing, conf)
end


function Zipkin:header_filter(conf)
  local trace = trace_of(conf)
  trace.header_start = moment("KONG_HEADER_FILTER_START") or now_us()
  local one = proxy_span(trace, trace.header_start)
  if conf.http_response_header_for_traceid then
    kong.response.add_header(conf.http_response_header_for_traceid, to_hex(one.trace_id))
  end
end


function Zipkin:body_filter(conf)
  local trace = trace_of(conf)
  trace.body_start = trace.body_start or now_us()
end


function Zipkin:preread(conf)
  local trace = trace_of(conf)
  trace.preread_start = moment("KONG_PREREAD_START") or now_us()
  proxy_span(trace, trace.preread_start)
end


local function add_ids(one)
  local service, route = kong.router.get_service(), kong.router.get_route()
  if service and service.id then
    one:set_tag("kong.service", service.id)
    if type(service.name) == "string" then
      one.service_name = service.name
      one:set_tag("kong.service_name", service.name)
    end
  end
  if route and route.id then
    one:set_tag("kong.route", route.id)
    if type(route.name) == "string" then
      one:set_tag("kong.route_name", route.name)
    end
  end
end


-- The phases: where each started and ended, and in which span it is told.
local function phases_of(trace, data, end_us)
  local request, proxy = trace.request_span, trace.proxy_span
  if not is_http then
    local start = trace.preread_start or proxy.timestamp
    return { { proxy, "kps", "kpf", "kong.preread", start, moment("KONG_PREREAD_ENDED_AT") or end_us } }
  end
  local access_start = trace.access_start or proxy.timestamp
  local first_try = data and data.tries[1]
  local access_end = moment("KONG_ACCESS_ENDED_AT") or first_try and first_try.balancer_start * 1000
                     or trace.header_start or end_us
  local header_end = trace.body_start or end_us
  local rewrite_start = moment("KONG_REWRITE_START") or request.timestamp
  return {
    { request, "krs", "krf", "kong.rewrite", rewrite_start, access_start },
    { proxy, "kas", "kaf", "kong.access", access_start, access_end },
    { proxy, "khs", "khf", "kong.header_filter", trace.header_start, header_end },
    { proxy, "kbs", "kbf", "kong.body_filter", trace.body_start, end_us },
  }
end


local function tell_phases(conf, trace, data, end_us)
  for _, phase in ipairs(phases_of(trace, data, end_us)) do
    local one, start_us, stop_us = phase[1], phase[5], phase[6]
    if conf.phase_duration_flavor == "tags" then
      if start_us then
        one:set_tag(phase[4] .. ".duration_ms", floor((stop_us - start_us) / 1000))
      end
    else
      if start_us then
        one:annotate(phase[2], start_us)
      end
      one:annotate(phase[3], stop_us)
    end
  end
end


local function report_tries(conf, trace, data, end_us)
  local request = trace.request_span
  local connect_times = {}
  for seconds in (ngx.var.upstream_connect_time or ""):gmatch("[^, ]+") do
    connect_times[#connect_times + 1] = tonumber(seconds) or 0
  end
  for i = 1, data.try_count do
    local try = data.tries[i]
    local start_us = try.balancer_start * 1000
    local one = request:new_child("CLIENT", request.name .. " (balancer try " .. i .. ")", start_us)
    one.ip, one.port = try.ip, try.port
    one:set_tag("kong.balancer.try", i)
    if i < data.try_count then
      one:set_tag("error", true)
      one:set_tag("kong.balancer.state", try.state)
      one:set_tag("http.status_code", try.code)
    end
    add_ids(one)
    if try.balancer_latency then
      end_us = start_us + try.balancer_latency * 1000 + (connect_times[i] or 0) * 1e6
    end
    one:finish(end_us)
    reporter.report(conf, one)
  end
end


local function add_outcome(conf, one)
  local ctx = ngx.ctx
  if is_http then
    one:set_tag("http.status_code", kong.response.get_status())
  end
  if ctx.authenticated_consumer then
    one:set_tag("kong.consumer", ctx.authenticated_consumer.id)
  end
  if conf.include_credential and ctx.authenticated_credential then
    one:set_tag("kong.credential", ctx.authenticated_credential.id)
  end
  one:set_tag("kong.node.id", kong.node.get_id())
end


function Zipkin:log(conf)
  local end_us = now_us()
  local trace = trace_of(conf)
  local request, proxy = trace.request_span, proxy_span(trace, end_us)
  local data = ngx.ctx.balancer_data
  if data and data.try_count == 0 then
    proxy.port = data.port
    data = nil
  end
  tell_phases(conf, trace, data, end_us)
  if data then
    report_tries(conf, trace, data, end_us)
    proxy:set_tag("peer.hostname", data.hostname)
    proxy.ip, proxy.port = data.ip, data.port
  end
  add_outcome(conf, request)
  add_ids(proxy)
  proxy:finish(moment("KONG_BODY_FILTER_ENDED_AT") or end_us)
  reporter.report(conf, proxy)
  request:finish(end_us)
  reporter.report(conf, request)
end


return Zipkin
