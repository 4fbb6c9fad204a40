-- The logs' part of the plugin: what kong.observability.logs kept of the request and of the worker.
local Queue = require "kong.tools.queue"
local collected = require "kong.observability.logs"
local export = require "kong.plugins.opentelemetry.export"
local otlp = require "kong.observability.otlp"
local params_of = require("kong.plugins.opentelemetry.traces").params_of
local tracing_context = require "kong.observability.tracing.tracing_context"

local logs = {}


-- Called by the queue.
local function send(conf, records)
  return export.send(conf, conf.logs_endpoint, otlp.encode_logs(records, conf.resource_attributes))
end


-- New records give way to older ones.
local function enqueue(conf, params, messages)
  for i = 1, #messages do
    if Queue.can_enqueue(params, messages[i]) then
      Queue.enqueue(params, send, conf, messages[i])
    end
  end
end


function logs.log(conf)
  local params = params_of(conf, "logs")
  enqueue(conf, params, otlp.prepare_logs(collected.get_worker_logs()))
  local trace_id, flags = tracing_context.get_raw_trace_id(), tracing_context.get_flags()
  enqueue(conf, params, otlp.prepare_logs(collected.get_request_logs(), trace_id, flags))
end


return logs
