-- AWS X-Ray: x-amzn-trace-id "Root=1-<8 digits>-<24 digits>;Parent=<span id>;Sampled=<0 or 1>", in any order.
local ids = require "kong.observability.tracing.propagation.ids"

local find = string.find
local from_hex = ids.from_hex
local gmatch = string.gmatch
local match = string.match
local sub = string.sub
local to_hex = ids.to_hex
local type = type

local ROOT = "^1%-(" .. ("%x"):rep(8) .. ")%-(" .. ("%x"):rep(24) .. ")$"

local aws = { headers = { "x-amzn-trace-id" }, sizes = { 16 }, needs_ids = true }


-- For each key: takes its value into the trace, or returns the name of what is wrong.
local readers = {
  Root = function(trace, value)
    local time, rest = match(value, ROOT)
    if not time then
      return "trace id"
    end
    trace.trace_id = from_hex(time .. rest)
  end,
  Parent = function(trace, value)
    if #value ~= 16 or find(value, "%X") then
      return "parent id"
    end
    trace.span_id = from_hex(value)
  end,
  Sampled = function(trace, value)
    if value ~= "0" and value ~= "1" then
      return "sampled flag"
    end
    trace.should_sample = value == "1"
  end,
}


function aws.read(headers)
  local header = headers["x-amzn-trace-id"]
  if type(header) ~= "string" then
    return nil
  end
  local trace = {}
  for part in gmatch(header, "[^;]+") do
    local key, value = match(part, "^%s*(.-)%s*=%s*(.-)%s*$")
    local reader = readers[key]
    local fault = reader and reader(trace, value)
    if fault then
      kong.log.warn("invalid aws header ", fault, "; ignoring.")
      return nil
    end
  end
  return trace
end


function aws.write(trace)
  local id = to_hex(trace.trace_id)
  local root = "Root=1-" .. sub(id, 1, 8) .. "-" .. sub(id, 9)
  local sampled = trace.should_sample and "1" or "0"
  return { ["x-amzn-trace-id"] = root .. ";Parent=" .. to_hex(trace.span_id) .. ";Sampled=" .. sampled }
end


function aws.show(trace_id)
  return { aws = to_hex(trace_id) }
end


return aws
