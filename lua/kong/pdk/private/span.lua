-- Spans of tracing: one piece of work with a time, attributes and events. Plain tables that exporters read: trace_id and
-- span_id (bytes), parent_id, name, kind, start_time_ns, end_time_ns, attributes, events (with their number at [0]),
-- status, should_sample, linked.
local get_rand_bytes = require("kong.tools.rand").get_rand_bytes
local time_ns = require("kong.tools.time").time_ns

local error = error
local ngx = ngx
local setmetatable = setmetatable
local tostring = tostring
local type = type

local span = {}
span.__index = span

local TRACE_ID_LEN, SPAN_ID_LEN = 16, 8
local KIND_INTERNAL = 1

local VALUE_TYPES = { string = true, number = true, boolean = true, table = true, ["nil"] = true }
-- Options: name -> type, what an error calls it.
local OPTIONS = {
  { "start_time_ns", "number", "invalid start time" },
  { "span_kind", "number", "invalid start kind" },
  { "should_sample", "boolean", "invalid sampled" },
  { "attributes", "table", "invalid attributes" },
}


local function nothing()
end


-- Stands in where nothing is traced: takes every call, keeps nothing.
span.noop = setmetatable({
  is_recording = false,
  finish = nothing,
  set_attribute = nothing,
  add_event = nothing,
  record_error = nothing,
  set_status = nothing,
  each_baggage_item = function()
    return nothing
  end,
}, { __newindex = nothing })


-- Raises `depth` levels above the caller.
function span.check_options(options, depth)
  if options == nil then
    return
  end
  if type(options) ~= "table" then
    error("invalid options type", depth + 1)
  end
  for i = 1, #OPTIONS do
    local option = OPTIONS[i]
    local value = options[option[1]]
    if value ~= nil and type(value) ~= option[2] then
      error(option[3], depth + 1)
    end
  end
end


local function decide(tracer, parent, options, trace_id)
  if parent and parent.should_sample ~= nil then
    return parent.should_sample
  end
  if options.should_sample ~= nil then
    return options.should_sample
  end
  local sampled, err = tracer.sampler(trace_id)
  if err then
    ngx.log(ngx.ERR, "sampler failure: ", err)
    return false
  end
  return sampled
end


-- A span that is not yet among those of its trace (see `link`). tracer may be nil.
function span.create(tracer, options)
  span.check_options(options, 2)
  options = options or {}
  local parent = options.parent or tracer and tracer.active_span()
  local trace_id = parent and parent.trace_id or options.trace_id or get_rand_bytes(TRACE_ID_LEN)
  return setmetatable({
    tracer = tracer,
    parent = parent,
    parent_id = parent and parent.span_id or options.parent_id,
    trace_id = trace_id,
    span_id = get_rand_bytes(SPAN_ID_LEN),
    kind = options.span_kind or KIND_INTERNAL,
    should_sample = tracer and decide(tracer, parent, options, trace_id) or false,
  }, span)
end


-- Names a span, starts it and puts it among the spans of the request.
function span.link(tracer, self, name, options)
  if type(tracer) ~= "table" then
    error("invalid tracer", 2)
  end
  span.check_options(options, 2)
  self.tracer = self.tracer or tracer
  self.name = name
  self.start_time_ns = options and options.start_time_ns or time_ns()
  self.attributes = options and options.attributes
  self.linked = true
  local spans = tracer.get_spans()
  local n = spans[0] + 1
  spans[n] = self
  spans[0] = n
  return self
end


-- A second call does nothing.
function span:finish(end_time_ns)
  if self.end_time_ns ~= nil then
    return
  end
  if end_time_ns ~= nil and type(end_time_ns) ~= "number" then
    error("invalid span end time", 2)
  end
  if end_time_ns and end_time_ns < self.start_time_ns then
    error("invalid span duration", 2)
  end
  self.end_time_ns = end_time_ns or time_ns()
  if self.active and self.tracer.active_span() == self then
    self.tracer.set_active_span(self.parent)
    self.active = nil
  end
end


function span:set_attribute(key, value)
  if type(key) ~= "string" then
    error("invalid key", 2)
  end
  if not VALUE_TYPES[type(value)] then
    ngx.log(ngx.ERR, debug.traceback("invalid span attribute value type: " .. type(value), 2))
  end
  if not self.attributes then
    self.attributes = {}
  end
  self.attributes[key] = value
end


function span:add_event(name, attributes, at_ns)
  if type(name) ~= "string" then
    error("invalid name", 2)
  end
  if attributes ~= nil and type(attributes) ~= "table" then
    error("invalid attribute", 2)
  end
  local events = self.events
  if not events then
    events = { [0] = 0 }
    self.events = events
  end
  local n = events[0] + 1
  events[n] = { name = name, time_ns = at_ns or time_ns(), attributes = attributes }
  events[0] = n
end


function span:record_error(err)
  self:add_event("exception", { ["exception.message"] = tostring(err) })
end


function span:set_status(status)
  if type(status) ~= "number" then
    error("invalid status", 2)
  end
  self.status = status
end


-- Spans are collected like any table; exporters may say they are done with one.
function span:release() -- luacheck: ignore self
end


function span:each_baggage_item() -- luacheck: ignore self
  return nothing
end


return span
