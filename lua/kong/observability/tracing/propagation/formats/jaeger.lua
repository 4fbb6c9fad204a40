-- Jaeger: uber-trace-id "<trace id>:<span id>:<parent id>:<flags>", baggage in uberctx-*.
local ids = require "kong.observability.tracing.propagation.ids"

local from_hex = ids.from_hex
local match = string.match
local to_hex = ids.to_hex
local tonumber = tonumber
local type = type

local jaeger = { headers = { "uber-trace-id" }, sizes = { 16, 8 }, needs_ids = true }


-- The reason why it is none, or nil.
local function fault_of(trace_id, span_id, flags)
  if not trace_id then
    return "invalid jaeger uber-trace-id header; ignoring."
  end
  if #trace_id > 32 or ids.is_zero(trace_id) then
    return "invalid jaeger trace ID; ignoring."
  end
  if #span_id > 16 or ids.is_zero(span_id) then
    return "invalid jaeger span ID; ignoring."
  end
  if #flags > 2 then
    return "invalid jaeger flags; ignoring."
  end
end


function jaeger.read(headers)
  local value = headers["uber-trace-id"]
  if type(value) ~= "string" or value == "" then
    return nil
  end
  local trace_id, span_id, parent_id, flags = match(value, "^(%x+):(%x+):(%x+):(%x+)$")
  local fault = fault_of(trace_id, span_id, flags)
  if fault then
    kong.log.warn(fault)
    return nil
  end
  if #parent_id ~= 16 and not ids.is_zero(parent_id) then
    kong.log.warn("invalid jaeger parent ID; ignoring.")
  end
  return {
    trace_id = from_hex(trace_id),
    span_id = from_hex(span_id),
    parent_id = from_hex(parent_id),
    reuse_span_id = true,
    should_sample = tonumber(flags, 16) % 2 == 1,
    baggage = ids.read_baggage(headers, "^uberctx%-(.*)$"),
  }
end


function jaeger.write(trace)
  local parent_id = trace.parent_id and to_hex(trace.parent_id) or "0"
  local value = to_hex(trace.trace_id) .. ":" .. to_hex(trace.span_id) .. ":" .. parent_id
  value = value .. (trace.should_sample and ":01" or ":00")
  return ids.add_baggage({ ["uber-trace-id"] = value }, trace.baggage, "uberctx-")
end


function jaeger.show(trace_id)
  return { jaeger = to_hex(trace_id) }
end


return jaeger
