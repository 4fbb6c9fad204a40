-- B3, in several headers (x-b3-traceid, ...) and in one (b3: "<trace id>-<span id>-<sampled>-<parent id>"). Reading takes
-- both, one header before the several; this file writes the several.
local ids = require "kong.observability.tracing.propagation.ids"

local from_hex = ids.from_hex
local ipairs = ipairs
local is_hex = ids.is_hex
local match = string.match
local to_hex = ids.to_hex
local type = type

local SINGLE = "^(%x+)%-(" .. ("%x"):rep(16) .. ")%-?([01d]?)%-?(%x*)$"
local SAMPLED = { ["1"] = true, ["true"] = true, d = true, ["0"] = false, ["false"] = false }

local b3 = {
  headers = { "b3", "tracestate", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags" },
  sizes = { 16, 8 },
}


-- The one header, or its copy in tracestate.
local function single_header(headers)
  local value = headers["b3"]
  if value then
    return type(value) == "string" and value or nil
  end
  local state = headers["tracestate"]
  for _, item in ipairs(type(state) == "table" and state or { state }) do
    local found = type(item) == "string" and match(item, "^b3=(.+)$")
    if found then
      return found
    end
  end
end


-- Hexadecimal ids, should_sample and flags; empty when it is wrong.
local function read_single(value)
  if value == "0" or value == "1" or value == "d" then
    return { should_sample = value ~= "0", flags = value == "d" and "1" or nil }
  end
  local trace_id, span_id, sampled, parent_id = match(value, SINGLE)
  if not trace_id or not is_hex(trace_id, 16, 32) or parent_id ~= "" and #parent_id ~= 16 then
    kong.log.warn("b3 single header invalid; ignoring.")
    return {}
  end
  return {
    trace_id = trace_id,
    span_id = span_id,
    parent_id = parent_id ~= "" and parent_id or nil,
    should_sample = SAMPLED[sampled],
    flags = sampled == "d" and "1" or nil,
  }
end


local function read_id(headers, name, other_length)
  local value = headers[name]
  if value == nil or is_hex(value, 16, other_length) then
    return value, false
  end
  kong.log.warn(name, " header invalid; ignoring.")
  return nil, true
end


local function read_sampled(headers)
  local value = headers["x-b3-sampled"]
  local sampled = SAMPLED[value]
  if value ~= nil and (sampled == nil or value == "d") then
    kong.log.warn("x-b3-sampled header invalid; ignoring.")
    sampled = nil
  end
  local flags = headers["x-b3-flags"]
  if flags == "1" then
    sampled = true
  elseif flags ~= nil then
    kong.log.warn("x-b3-flags header invalid; ignoring.")
  end
  return sampled, flags
end


-- One wrong id spoils the others.
local function read_several(headers)
  local sampled, flags = read_sampled(headers)
  local trace_id, wrong_trace = read_id(headers, "x-b3-traceid", 32)
  local span_id, wrong_span = read_id(headers, "x-b3-spanid")
  local parent_id, wrong_parent = read_id(headers, "x-b3-parentspanid")
  if wrong_trace or wrong_span or wrong_parent then
    trace_id, span_id, parent_id = nil, nil, nil
  end
  return { trace_id = trace_id, span_id = span_id, parent_id = parent_id, should_sample = sampled, flags = flags }
end


local function bytes_of(one, other, name)
  local id = one[name] or other[name]
  return id and from_hex(id)
end


function b3.read(headers)
  local value = single_header(headers)
  local single, several = value and read_single(value) or {}, read_several(headers)
  local should_sample = single.should_sample
  if should_sample == nil then
    should_sample = several.should_sample
  end
  local trace = {
    reuse_span_id = true,
    should_sample = should_sample,
    flags = single.flags or several.flags,
    single_header = value and true or nil,
    trace_id = bytes_of(single, several, "trace_id"),
  }
  if trace.trace_id then
    trace.span_id = bytes_of(single, several, "span_id")
    trace.parent_id = bytes_of(single, several, "parent_id")
  end
  return trace
end


function b3.write(trace)
  local headers = {}
  if trace.trace_id and trace.span_id then
    headers["x-b3-traceid"] = to_hex(trace.trace_id)
    headers["x-b3-spanid"] = to_hex(trace.span_id)
    headers["x-b3-parentspanid"] = trace.parent_id and to_hex(trace.parent_id)
  end
  if trace.flags then
    headers["x-b3-flags"] = trace.flags
  else
    headers["x-b3-sampled"] = trace.should_sample and "1" or "0"
  end
  return headers
end


function b3.show(trace_id)
  return { b3 = trace_id and to_hex(trace_id) or "" }
end


return b3
