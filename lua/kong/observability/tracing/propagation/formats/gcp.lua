-- Google Cloud: x-cloud-trace-context "<trace id>/<span id in decimal>;o=<0 or 1>".
local ids = require "kong.observability.tracing.propagation.ids"

local match = string.match
local to_hex = ids.to_hex
local type = type

local gcp = { headers = { "x-cloud-trace-context" }, sizes = { 16 }, needs_ids = true }


local function parse(value)
  local trace_id, span_id, rest = match(value, "^([0-9a-f]+)/(%d+)(.*)$")
  if not trace_id or #trace_id ~= 32 or #span_id > 20 then
    return nil
  end
  if rest == "" then
    return trace_id, span_id
  end
  local flags = match(rest, "^;o=(%d)$")
  if not flags then
    return nil
  end
  return trace_id, span_id, flags
end


function gcp.read(headers)
  local value = headers["x-cloud-trace-context"]
  if type(value) ~= "string" then
    return nil
  end
  local trace_id, span_id, flags = parse(value)
  if not trace_id then
    kong.log.warn("invalid GCP header; ignoring.")
    return nil
  end
  return { trace_id = ids.from_hex(trace_id), span_id = ids.from_decimal(span_id), should_sample = flags == "1" }
end


function gcp.write(trace)
  local flag = trace.should_sample and ";o=1" or ";o=0"
  return { ["x-cloud-trace-context"] = to_hex(trace.trace_id) .. "/" .. ids.to_decimal(trace.span_id) .. flag }
end


function gcp.show(trace_id)
  return { gcp = to_hex(trace_id) }
end


return gcp
