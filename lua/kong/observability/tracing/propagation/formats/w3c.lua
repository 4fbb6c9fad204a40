-- W3C Trace Context: traceparent "00-<trace id>-<span id>-<flags>".
local ids = require "kong.observability.tracing.propagation.ids"

local from_hex = ids.from_hex
local match = string.match
local to_hex = ids.to_hex
local tonumber = tonumber
local type = type

local w3c = { headers = { "traceparent" }, sizes = { 16 }, needs_ids = true }


-- The reason why it is none, or nil.
local function fault_of(version, trace_id, span_id, flags)
  if not version then
    return "invalid W3C traceparent header; ignoring."
  end
  if version ~= "00" then
    return "invalid W3C Trace Context version; ignoring."
  end
  if #trace_id ~= 32 or ids.is_zero(trace_id) then
    return "invalid W3C trace context trace ID; ignoring."
  end
  if #span_id ~= 16 or ids.is_zero(span_id) then
    return "invalid W3C trace context parent ID; ignoring."
  end
  if #flags ~= 2 then
    return "invalid W3C trace context flags; ignoring."
  end
end


function w3c.read(headers)
  local value = headers["traceparent"]
  if type(value) ~= "string" or value == "" then
    return nil
  end
  local version, trace_id, span_id, flags = match(value, "^(%x+)%-(%x+)%-(%x+)%-(%x+)$")
  local fault = fault_of(version, trace_id, span_id, flags)
  if fault then
    kong.log.warn(fault)
    return nil
  end
  local bits = tonumber(flags, 16)
  return { trace_id = from_hex(trace_id), span_id = from_hex(span_id), should_sample = bits % 2 == 1, w3c_flags = bits }
end


function w3c.write(trace)
  local flags = trace.should_sample and "-01" or "-00"
  return { traceparent = "00-" .. to_hex(trace.trace_id) .. "-" .. to_hex(trace.span_id) .. flags }
end


function w3c.show(trace_id)
  return { w3c = to_hex(trace_id) }
end


return w3c
