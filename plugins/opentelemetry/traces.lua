-- The traces' part of the plugin: the ids in the headers, and the spans that kong.tracing collected.
local Queue = require "kong.tools.queue"
local export = require "kong.plugins.opentelemetry.export"
local otlp = require "kong.observability.otlp"
local propagation = require "kong.observability.tracing.propagation"
local to_hex = require("resty.string").to_hex
local tracing_context = require "kong.observability.tracing.tracing_context"

local bor = require("bit").bor
local kong = kong
local ngx = ngx
local pairs = pairs
local setmetatable = setmetatable

local traces = {}

-- Queue parameters by configuration.
local queue_params = setmetatable({}, { __mode = "k" })


-- Parameters of a queue of the plugin's own: kind is "traces" or "logs".
function traces.params_of(conf, kind)
  local of_conf = queue_params[conf] or {}
  queue_params[conf] = of_conf
  local params = of_conf[kind]
  if not params then
    params = {}
    for name, value in pairs(Queue.get_plugin_params("opentelemetry", conf)) do
      params[name] = value
    end
    params.name = params.name .. ":" .. kind
    of_conf[kind] = params
  end
  return params
end


-- The request's first span. When the gateway traces nothing, one that only lends its ids to the headers.
local function root_of(tracer)
  local root = tracer.get_root_span()
  if not root then
    root = tracer.start_span("root")
    root:set_attribute("kong.propagation_only", true)
    kong.ctx.plugin.should_sample = false
  end
  return root
end


local function is_sampled(tracer, found, conf)
  if kong.ctx.plugin.should_sample == false then
    return false
  end
  return tracer:get_sampling_decision(found.should_sample, conf.sampling_rate)
end


-- Joins the gateway's spans to the trace that was found in the headers; returns what goes to the upstream.
local function outgoing(found, conf)
  local tracer = kong.tracing.name == "noop" and kong.tracing.new("otel") or kong.tracing
  local root = root_of(tracer)
  local shown = tracing_context.get_unlinked_span("balancer") or root
  if found.trace_id then
    shown.trace_id = found.trace_id
    tracing_context.set_raw_trace_id(found.trace_id)
  end
  root.parent_id = found.span_id or found.parent_id or root.parent_id

  local sampled = is_sampled(tracer, found, conf)
  tracer:set_should_sample(sampled)
  shown.should_sample = sampled
  tracing_context.set_flags(bor(found.w3c_flags or tonumber(found.flags) or 0, sampled and 1 or 0))

  found.trace_id = shown.trace_id
  found.span_id = shown.span_id
  found.parent_id = shown.parent_id
  found.should_sample = sampled
  return found
end


function traces.access(conf)
  propagation.propagate(propagation.get_plugin_params(conf), outgoing, conf)
end


function traces.header_filter(conf)
  local name = conf.http_response_header_for_traceid
  if not name then
    return
  end
  local spans = ngx.ctx.KONG_SPANS
  local root = spans and spans[1]
  local trace_id = tracing_context.get_raw_trace_id() or root and root.trace_id
  if trace_id then
    kong.response.add_header(name, to_hex(trace_id))
  end
end


-- Called by the queue.
local function send(conf, spans)
  return export.send(conf, conf.traces_endpoint, otlp.encode_traces(spans, conf.resource_attributes))
end


local function report(span, conf, trace_id)
  if span.should_sample == false or kong.ctx.plugin.should_sample == false then
    return
  end
  local ok, err = Queue.enqueue(traces.params_of(conf, "traces"), send, conf, otlp.encode_span(span, trace_id))
  if not ok then
    kong.log.err("Failed to enqueue span to log server: ", err)
  end
end


function traces.log(conf)
  ngx.log(ngx.DEBUG, "[otel] total spans in current request: ", ngx.ctx.KONG_SPANS and #ngx.ctx.KONG_SPANS)
  kong.tracing.process_span(report, conf, tracing_context.get_raw_trace_id())
end


return traces
