-- require "resty.events": named events for all workers, one of them, or this one. They travel with the gateway's own events
-- (kong.worker_events): there is no socket and no broker, so run() has nothing to do. Objects with the same `listening` share events.
-- Loaded by who requires it; kgw itself does not.
local buffer = require "string.buffer"
local cjson = require "cjson.safe"
local worker_events = require "kong.worker_events"

local assert = assert
local ngx = ngx
local tostring = tostring
local traceback = debug.traceback
local type = type
local xpcall = xpcall

local events = { _VERSION = "0.3.1" }
local mt = { __index = events }

local DICT = "kong"
local SOURCE = "resty.events:"
local UNIQUE = "resty.events:unique:"
local EVENT = "event"
local ANY = "*"
local UNIX = "unix:"
local PAYLOAD_LIMIT = 1024 * 1024 * 16


-- Fills in and checks a number; nil, err.
local function check_number(opts, name, default, limit, words)
  local value = opts[name] or default
  opts[name] = value
  if type(value) ~= "number" then
    return nil, words.type
  end
  if value <= 0 or value > limit then
    return nil, words.range
  end
  return true
end


local function check_boolean(opts, name)
  if opts[name] ~= nil and type(opts[name]) ~= "boolean" then
    return nil, '"' .. name .. '" option must be a boolean'
  end
  return true
end


local function check_listening(listening)
  if not listening then
    return nil, '"listening" option required to start'
  elseif type(listening) ~= "string" then
    return nil, '"listening" option must be a string'
  elseif listening:sub(1, #UNIX) ~= UNIX then
    return nil, '"listening" option must start with ' .. UNIX
  end
  return true
end


-- Completes opts with the defaults and raises when they cannot be.
local function check(opts)
  assert(type(opts) == "table", "Expected a table, got " .. type(opts))
  opts.broker_id = opts.broker_id or 0
  assert(type(opts.broker_id) == "number", '"broker_id" option must be a number')
  assert(opts.broker_id >= 0 and opts.broker_id < ngx.worker.count(), '"broker_id" option is invalid')
  assert(check_listening(opts.listening))
  assert(check_number(opts, "unique_timeout", 5, math.huge, {
    type = 'optional "unique_timeout" option must be a number', range = '"unique_timeout" must be greater than 0',
  }))
  assert(check_number(opts, "max_queue_len", 1024 * 10, math.huge, {
    type = '"max_queue_len" option must be a number', range = '"max_queue_len" option is invalid',
  }))
  assert(check_number(opts, "max_payload_len", 1024 * 64, PAYLOAD_LIMIT, {
    type = '"max_payload_len" option must be a number', range = '"max_payload_len" option is invalid',
  }))
  assert(check_boolean(opts, "enable_privileged_agent"))
  assert(check_boolean(opts, "testing"))
end


local function log_failure(err, data, event, source, wid)
  local text = type(data) == "table" and cjson.encode(data) or tostring(data)
  ngx.log(ngx.ERR, "worker-events: event callback failed; source=", source, ", event=", event, ", wid=", wid, " error='", err,
          "', data=", text)
end


-- Every subscriber whose source and event match, the widest first, in the order they came.
local function dispatch(self, source, event, data, wid)
  for width = 1, 3 do
    local wanted_source = width > 1 and source or ANY
    local wanted_event = width > 2 and event or ANY
    local subscribers = self.subscribers
    for i = 1, #subscribers do
      local subscriber = subscribers[i]
      if subscriber.source == wanted_source and subscriber.event == wanted_event and self.by_id[subscriber.id] then
        local ok, err = xpcall(subscriber.callback, traceback, data, event, source, wid)
        if not ok then
          log_failure(err, data, event, source, wid)
        end
      end
    end
  end
end


-- What kong.worker_events hands over: {source, event, data} of this worker, or the same encoded.
local function listener_of(self)
  return function(payload, _, _, wid)
    if type(payload) == "table" then
      return dispatch(self, payload[1], payload[2], payload[3])
    end
    local item = buffer.decode(payload)
    return dispatch(self, item[1], item[2], item[3], wid)
  end
end


-- opts: listening ("unix:PATH", the name that its events go by), broker_id, unique_timeout (seconds), max_queue_len, max_payload_len
-- (bytes), enable_privileged_agent, testing (subscribers are called by publish). Raises over others.
function events.new(opts)
  check(opts)
  local self = setmetatable({ opts = opts, source = SOURCE .. opts.listening, subscribers = {}, by_id = {}, count = 0 }, mt)
  self.listener = listener_of(self)
  worker_events.register_weak(self.listener, self.source, EVENT)
  return self
end


-- Once per worker: true.
function events:init_worker()
  self.is_started = true
  return true
end


-- Serves the broker's socket in lua-resty-events. Here nobody connects.
function events:run() -- luacheck: ignore self
  return true
end


function events:is_ready()
  return self.is_started
end


local function broadcast(self, target, source, event, data)
  local ok, text = pcall(buffer.encode, { source, event, data })
  if not ok then
    return nil, text
  end
  if #text > self.opts.max_payload_len then
    return nil, "payload exceeds the limitation (" .. self.opts.max_payload_len .. ")"
  end
  if target == "all" then
    return worker_events.post(self.source, EVENT, text, nil, PAYLOAD_LIMIT * 2)
  end
  -- Of all that publish it within the time one worker acts on it: the first.
  if ngx.shared[DICT]:add(UNIQUE .. self.opts.listening .. ":" .. target, true, self.opts.unique_timeout) then
    return worker_events.post_local(self.source, EVENT, text)
  end
  return true
end


local function check_names(source, event)
  assert(type(source) == "string" and source ~= "", "source is required")
  assert(type(event) == "string" and event ~= "", "event is required")
end


-- target: "all" workers, "current" (this one; data is passed as it is), or any other text: one worker, and only the first such event
-- within unique_timeout. True | nil, err.
function events:publish(target, source, event, data)
  assert(type(target) == "string" and target ~= "", "target is required")
  check_names(source, event)
  if self.opts.testing then
    dispatch(self, source, event, data)
    return true
  end
  local ok, err
  if target == "current" then
    ok, err = worker_events.post_local(self.source, EVENT, { source, event, data })
  else
    ok, err = broadcast(self, target, source, event, data)
  end
  if not ok then
    return nil, "failed to publish event: " .. tostring(err)
  end
  return true
end


-- callback(data, event, source, wid): wid is nil for events of "current". "*" stands for any event, and for any source with any event.
-- An id for unsubscribe.
function events:subscribe(source, event, callback)
  check_names(source, event)
  assert(type(callback) == "function", "expected function, got: " .. type(callback))
  self.count = self.count + 1
  local id = tostring(self.count)
  local subscriber = { id = id, source = source, event = event, callback = callback }
  self.by_id[id] = subscriber
  -- A new list: the one before may be being walked.
  local subscribers = {}
  for i = 1, #self.subscribers do
    subscribers[i] = self.subscribers[i]
  end
  subscribers[#subscribers + 1] = subscriber
  self.subscribers = subscribers
  return id
end


function events:unsubscribe(id)
  assert(type(id) == "string" and id ~= "", "id is required")
  self.by_id[id] = nil
  local subscribers = {}
  for i = 1, #self.subscribers do
    local subscriber = self.subscribers[i]
    if self.by_id[subscriber.id] then
      subscribers[#subscribers + 1] = subscriber
    end
  end
  self.subscribers = subscribers
end


return events
