-- kong.worker_events: events between the workers of this node, in order, delivered by a timer shortly after they were
-- posted. They travel through a shared dictionary: a counter and one entry per event, which every worker reads up to the
-- counter. With one worker nothing is polled.
local buffer = require "string.buffer"

local decode = buffer.decode
local encode = buffer.encode
local ngx = ngx
local pcall = pcall
local select = select
local tostring = tostring
local type = type

local worker_events = {}

local DICT = "kong"
local COUNTER = "worker_events:counter"
local ENTRY = "worker_events:entry:"
local UNIQUE = "worker_events:unique:"
local KEPT_S = 10
local POLL_S = 0.1
-- Polls after which an event whose text is not there is given up.
local MISSES_MAX = 3
local MAX_PAYLOAD = 65535
local ANY = "*"

-- source -> event -> list of callbacks.
local listeners = {}
local weak_mt = { __mode = "v" }
-- Number of the last event that this worker has seen; nil before it started.
local seen
local misses = 0
local queue, is_draining = {}, false


local function list_of(source, event, is_weak)
  local events = listeners[source]
  if not events then
    events = {}
    listeners[source] = events
  end
  local key = (is_weak and "w" or "s") .. event
  local list = events[key]
  if not list then
    list = is_weak and setmetatable({ max = 0 }, weak_mt) or { max = 0 }
    events[key] = list
  end
  return list
end


local function register(is_weak, callback, source, ...)
  if type(callback) ~= "function" then
    error("expected function, got: " .. type(callback), 3)
  end
  local n = select("#", ...)
  for i = 1, n > 0 and n or 1 do
    local list = list_of(source or ANY, n > 0 and select(i, ...) or ANY, is_weak)
    list.max = list.max + 1
    list[list.max] = callback
  end
end


-- callback(data, event, source, wid). Without events: all of the source; without a source: all there are.
function worker_events.register(callback, source, ...)
  return register(false, callback, source, ...)
end


-- As register, but the callback may be collected.
function worker_events.register_weak(callback, source, ...)
  return register(true, callback, source, ...)
end


-- Forgets the callback for these events; true when it was registered.
function worker_events.unregister(callback, source, ...)
  local is_found = false
  local n = select("#", ...)
  for i = 1, n > 0 and n or 1 do
    local event = n > 0 and select(i, ...) or ANY
    for _, is_weak in ipairs { false, true } do
      local list = list_of(source or ANY, event, is_weak)
      for j = 1, list.max do
        if list[j] == callback then
          list[j] = nil
          is_found = true
        end
      end
    end
  end
  return is_found
end


local function call_list(list, data, event, source, wid)
  for i = 1, list and list.max or 0 do
    local callback = list[i]
    if callback then
      local ok, err = pcall(callback, data, event, source, wid)
      if not ok then
        ngx.log(ngx.ERR, "worker-events: event callback failed; source=", source, ", event=", event, " error='",
                tostring(err), "'")
      end
    end
  end
end


local function deliver(data, event, source, wid)
  local events = listeners[source]
  if events then
    call_list(events["s" .. event], data, event, source, wid)
    call_list(events["w" .. event], data, event, source, wid)
    call_list(events["s" .. ANY], data, event, source, wid)
    call_list(events["w" .. ANY], data, event, source, wid)
  end
  local all = listeners[ANY]
  if all then
    call_list(all["s" .. ANY], data, event, source, wid)
    call_list(all["w" .. ANY], data, event, source, wid)
  end
end


local function drain()
  is_draining = false
  while queue[1] do
    local batch = queue
    queue = {}
    for i = 1, #batch do
      local item = batch[i]
      deliver(item[1], item[2], item[3], item[4])
    end
  end
end


-- Listeners run in a timer: posting must never call them from inside a request.
local function enqueue(data, event, source, wid)
  queue[#queue + 1] = { data, event, source, wid }
  if is_draining then
    return true
  end
  local ok, err = ngx.timer.at(0, drain)
  if not ok then
    drain()
    return nil, err
  end
  is_draining = true
  return true
end


local function check_names(source, event)
  if type(source) ~= "string" or source == "" then
    error("source is required", 3)
  end
  if type(event) ~= "string" or event == "" then
    error("event is required", 3)
  end
end


-- To listeners of this worker only. "done" | nil, err.
function worker_events.post_local(source, event, data)
  check_names(source, event)
  enqueue(data, event, source, ngx.worker.id())
  return "done"
end


-- To all workers, this one included. `unique`: of several events with that text within a short time one counts.
-- max_payload (bytes): 65535 without it. "done" | nil, err.
function worker_events.post(source, event, data, unique, max_payload)
  check_names(source, event)
  local dict = ngx.shared[DICT]
  if unique and not dict:add(UNIQUE .. unique, true, 5) then
    return "done"
  end
  local wid = ngx.worker.id()
  if ngx.worker.count() > 1 or wid == nil then
    local ok, text = pcall(encode, { source, event, data, wid })
    if not ok then
      return nil, "failed to encode event: " .. tostring(text)
    end
    max_payload = max_payload or MAX_PAYLOAD
    if #text > max_payload then
      return nil, "failed to publish event: payload exceeds the limitation (" .. max_payload .. ")"
    end
    local n = dict:incr(COUNTER, 1, 0)
    dict:set(ENTRY .. n, text, KEPT_S)
  end
  if wid ~= nil then
    enqueue(data, event, source, wid)
  end
  return "done"
end


-- Takes in what other workers posted since.
local function collect()
  local dict = ngx.shared[DICT]
  local last = dict:get(COUNTER) or 0
  local own = ngx.worker.id()
  while seen < last do
    local text = dict:get(ENTRY .. seen + 1)
    if not text and misses < MISSES_MAX then
      -- Its number was taken, its text is still to come.
      misses = misses + 1
      return
    end
    misses = 0
    seen = seen + 1
    local ok, item = pcall(decode, text or "")
    if ok and type(item) == "table" and item[4] ~= own then
      deliver(item[3], item[2], item[1], item[4])
    end
  end
end


local function poll_again(premature)
  if premature then
    return
  end
  local ok, err = pcall(collect)
  if not ok then
    ngx.log(ngx.ERR, "worker-events: ", err)
  end
  ngx.timer.at(POLL_S, poll_again)
end


-- Waits for events to be delivered, as far as the phase allows.
function worker_events.poll()
  if seen then
    collect()
  end
  drain()
  return "done"
end


function worker_events.configured()
  return seen ~= nil
end


-- Once per worker.
function worker_events.start_worker()
  seen = ngx.shared[DICT]:get(COUNTER) or 0
  if ngx.worker.count() > 1 then
    ngx.timer.at(POLL_S, poll_again)
  end
end


return worker_events
