-- B3 written as one header; "b3" reads it.
local b3 = require "kong.observability.tracing.propagation.formats.b3"
local to_hex = require("resty.string").to_hex

local single = { sizes = b3.sizes, show = b3.show }


local function sampled_of(trace)
  if trace.flags == "1" then
    return "d"
  end
  if trace.should_sample == nil then
    return nil
  end
  return trace.should_sample and "1" or "0"
end


function single.write(trace)
  local sampled = sampled_of(trace)
  if not trace.trace_id or not trace.span_id then
    return { b3 = sampled or "0" }
  end
  local value = to_hex(trace.trace_id) .. "-" .. to_hex(trace.span_id)
  if sampled then
    value = value .. "-" .. sampled
  end
  if trace.parent_id then
    value = value .. "-" .. to_hex(trace.parent_id)
  end
  return { b3 = value }
end


return single
