-- Datadog: x-datadog-trace-id, x-datadog-parent-id (both decimal) and x-datadog-sampling-priority.
local ids = require "kong.observability.tracing.propagation.ids"

local match = string.match
local type = type

local SAMPLED = { ["-1"] = false, ["0"] = false, ["1"] = true, ["2"] = true }

local datadog = {
  headers = { "x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-sampling-priority" },
  sizes = { 8 },
}


local function read_id(headers, name)
  local value = headers[name]
  if not value then
    return nil
  end
  local digits = type(value) == "string" and match(value, "^%s*(%d+)%s*$")
  if not digits then
    kong.log.warn(name, " header invalid; ignoring.")
    return nil
  end
  return ids.from_decimal(digits)
end


function datadog.read(headers)
  local priority = headers["x-datadog-sampling-priority"]
  local should_sample = SAMPLED[priority]
  if priority ~= nil and should_sample == nil then
    kong.log.warn("x-datadog-sampling-priority header invalid; ignoring.")
    return nil
  end
  local trace_id = read_id(headers, "x-datadog-trace-id")
  local span_id = read_id(headers, "x-datadog-parent-id")
  return { trace_id = trace_id, span_id = trace_id and span_id, should_sample = should_sample }
end


function datadog.write(trace)
  local headers = {
    ["x-datadog-trace-id"] = trace.trace_id and ids.to_decimal(trace.trace_id),
    ["x-datadog-parent-id"] = trace.span_id and ids.to_decimal(trace.span_id),
  }
  if trace.should_sample ~= nil then
    headers["x-datadog-sampling-priority"] = trace.should_sample and "1" or "0"
  end
  return headers
end


function datadog.show(trace_id)
  return { datadog = trace_id and ids.to_decimal(trace_id) }
end


return datadog
