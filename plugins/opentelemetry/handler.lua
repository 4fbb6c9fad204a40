-- Sends the spans of requests, and what is logged, to an OpenTelemetry collector. Spans are made by the gateway
-- (tracing_instrumentations in kong.conf) and by plugins; without any the plugin still passes trace ids on in headers.
local collected = require "kong.observability.logs"
local logs = require "kong.plugins.opentelemetry.logs"
local meta = require "kong.meta"
local traces = require "kong.plugins.opentelemetry.traces"

local ipairs = ipairs


local OpenTelemetry = {
  PRIORITY = 14,
  VERSION = meta.version,
}


function OpenTelemetry:configure(configs)
  for _, conf in ipairs(configs or {}) do
    if conf.logs_endpoint then
      return collected.enable()
    end
  end
end


function OpenTelemetry:access(conf)
  if conf.traces_endpoint then
    traces.access(conf)
  end
end


function OpenTelemetry:header_filter(conf)
  if conf.traces_endpoint then
    traces.header_filter(conf)
  end
end


function OpenTelemetry:log(conf)
  if conf.traces_endpoint then
    traces.log(conf)
  end
  if conf.logs_endpoint then
    logs.log(conf)
  end
end


return OpenTelemetry
