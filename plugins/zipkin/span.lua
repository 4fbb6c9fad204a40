-- Spans as Zipkin's JSON has them: times in microseconds, ids as bytes until they are reported.
local get_rand_bytes = require("kong.tools.rand").get_rand_bytes

local assert = assert
local floor = math.floor
local max = math.max
local next = next
local setmetatable = setmetatable
local type = type

local SPAN_ID_LEN = 8
local KINDS = { SERVER = true, CLIENT = true }
local TAG_TYPES = { string = true, number = true, boolean = true }

local span = {}
span.__index = span


local function nothing()
end


local function is_time(value)
  return type(value) == "number" and value >= 0
end


-- ids: { trace_id =, span_id =, parent_id =, should_sample =, baggage = }; a missing span_id is made.
function span.new(kind, name, start_us, ids)
  assert(KINDS[kind], "invalid span kind")
  assert(type(name) == "string" and name ~= "", "invalid span name")
  assert(is_time(start_us), "invalid span start_timestamp")
  assert(type(ids.trace_id) == "string", "invalid trace id")
  return setmetatable({
    kind = kind,
    name = name,
    trace_id = ids.trace_id,
    span_id = ids.span_id or get_rand_bytes(SPAN_ID_LEN),
    parent_id = ids.parent_id,
    should_sample = ids.should_sample,
    baggage = ids.baggage,
    timestamp = floor(start_us),
  }, span)
end


function span:new_child(kind, name, start_us)
  return span.new(kind, name, start_us, {
    trace_id = self.trace_id,
    parent_id = self.span_id,
    should_sample = self.should_sample,
    baggage = self.baggage,
  })
end


function span:finish(end_us)
  assert(self.duration == nil, "span already finished")
  assert(is_time(end_us), "invalid span finish timestamp")
  self.duration = max(0, floor(end_us - self.timestamp))
  return true
end


-- A nil value takes the tag away.
function span:set_tag(key, value)
  assert(type(key) == "string", "invalid tag key")
  assert(value == nil or TAG_TYPES[type(value)], "invalid tag value (expected string, number, boolean or nil)")
  if not self.tags then
    self.tags = {}
  end
  self.tags[key] = value
  return true
end


function span:each_tag()
  if not self.tags then
    return nothing
  end
  return next, self.tags
end


function span:annotate(value, at_us)
  assert(type(value) == "string", "invalid annotation value")
  assert(is_time(at_us), "invalid annotation timestamp")
  local annotations = self.annotations or {}
  self.annotations = annotations
  annotations[#annotations + 1] = { value = value, timestamp = floor(at_us) }
  return true
end


function span:each_baggage_item()
  if not self.baggage then
    return nothing
  end
  return next, self.baggage
end


return span
