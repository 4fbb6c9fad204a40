-- OpenTracing: ot-tracer-traceid, ot-tracer-spanid, ot-tracer-sampled, baggage in ot-baggage-*.
local ids = require "kong.observability.tracing.propagation.ids"

local from_hex = ids.from_hex
local is_hex = ids.is_hex
local to_hex = ids.to_hex

local SAMPLED = { ["1"] = true, ["true"] = true, ["0"] = false, ["false"] = false }

local ot = {
  headers = { "ot-tracer-sampled", "ot-tracer-traceid", "ot-tracer-spanid" },
  sizes = { 8, 16 },
  needs_ids = true,
}


local function is_wrong(value, name, ...)
  if value == nil or is_hex(value, ...) then
    return false
  end
  kong.log.warn(name, " header invalid; ignoring.")
  return true
end


function ot.read(headers)
  local value = headers["ot-tracer-sampled"]
  local should_sample = SAMPLED[value]
  if value ~= nil and should_sample == nil then
    kong.log.warn("ot-tracer-sampled header invalid; ignoring.")
  end
  local trace_id, span_id = headers["ot-tracer-traceid"], headers["ot-tracer-spanid"]
  local is_wrong_trace = is_wrong(trace_id, "ot-tracer-traceid", 16, 32)
  local is_wrong_span = is_wrong(span_id, "ot-tracer-spanid", 16)
  if is_wrong_trace or is_wrong_span or not trace_id then
    trace_id, span_id = nil, nil
  end
  return {
    trace_id = trace_id and from_hex(trace_id),
    span_id = span_id and from_hex(span_id),
    should_sample = should_sample,
    baggage = ids.read_baggage(headers, "^ot%-baggage%-(.*)$"),
  }
end


function ot.write(trace)
  local headers = {
    ["ot-tracer-traceid"] = to_hex(trace.trace_id),
    ["ot-tracer-spanid"] = to_hex(trace.span_id),
  }
  if trace.should_sample ~= nil then
    headers["ot-tracer-sampled"] = trace.should_sample and "1" or "0"
  end
  return ids.add_baggage(headers, trace.baggage, "ot-baggage-")
end


function ot.show(trace_id)
  return { ot = to_hex(trace_id) }
end


return ot
