-- Queues in which plugins leave entries that a timer hands over in batches, with retries. One queue per name and worker;
-- it lives as long as it has entries. An entry is either handed over, dropped by a limit or lost after max_retry_time:
-- each loss is logged.
local workspaces = require "kong.workspaces"
local semaphore = require "ngx.semaphore"

local assert = assert
local fmt = string.format
local min = math.min
local ngx = ngx
local now = ngx.now
local null = ngx.null
local pairs = pairs
local pcall = pcall
local select = select
local sleep = ngx.sleep
local tostring = tostring
local type = type

local Queue = {}
local mt = { __index = Queue }

local WARN_AT = 0.8
local POLL_MAX_S = 1
-- A batch that would wait for less than this is handed over at once.
local COALESCE_MIN_S = 0.05
local DEPRECATION_INTERVAL_S = 60

-- By workspace and name.
local queues = {}


local function key_of(name)
  return (workspaces.get_workspace_id() or "") .. "." .. name
end


-- Logging -------------------------------------------------------------------------------------------------------------

local function write(self, level, text, ...)
  local message = fmt("[%s] queue %s: ", self.log_tag or "", self.name)
  kong.log[level](message .. (select("#", ...) > 0 and fmt(text, ...) or text))
end


function Queue:log_debug(...)
  write(self, "debug", ...)
end


function Queue:log_info(...)
  write(self, "info", ...)
end


function Queue:log_warn(...)
  write(self, "warn", ...)
end


function Queue:log_err(...)
  write(self, "err", ...)
end


-- Limits --------------------------------------------------------------------------------------------------------------

function Queue:count()
  return self.back - self.front
end


local function is_full(self)
  return self:count() >= self.max_entries or (self.max_bytes ~= nil and self.bytes_queued >= self.max_bytes)
end


local function is_too_large(self, entry)
  return self.max_bytes ~= nil and type(entry) == "string" and #entry > self.max_bytes
end


local function exceeds_bytes(self, entry)
  return self.max_bytes ~= nil and type(entry) == "string" and self.bytes_queued + #entry > self.max_bytes
end


local function has_room(self, entry)
  return not (is_full(self) or is_too_large(self, entry) or exceeds_bytes(self, entry))
end


local function remove_first(self)
  local entry = self.entries[self.front]
  if self.max_bytes and type(entry) == "string" then
    self.bytes_queued = self.bytes_queued - #entry
  end
  self.entries[self.front] = nil
  self.front = self.front + 1
  if self.front == self.back then
    self.front, self.back = 1, 1
  end
  return entry
end


local function drop_oldest(self)
  self.semaphore:wait(0)
  remove_first(self)
  self.has_dropped = true
end


-- Delivery ------------------------------------------------------------------------------------------------------------

-- Calls the handler until it takes the entries or the time for retries is over.
local function deliver(self, entries)
  local started_at = now()
  local tries = 0
  while true do
    self:log_debug("passing %d entries to handler", #entries)
    local is_called, ok, err = pcall(self.handler, self.handler_conf, entries)
    if is_called and ok == true then
      self:log_debug("handler processed %d entries successfully", #entries)
      return
    end
    if not is_called then
      err = ok
    end
    self:log_warn("handler could not process entries: %s", tostring(err or "no error details returned by handler"))
    if not err then
      self:log_err("handler returned falsy value but no error information")
    end
    if now() - started_at > self.max_retry_time then
      self:log_err("could not send entries due to max_retry_time exceeded. %d queue entries were lost", #entries)
      return
    end
    sleep(min(self.max_retry_delay, 2 ^ tries * self.initial_retry_delay))
    tries = tries + 1
  end
end


-- Waits for a batch to fill. Returns how many entries it has.
local function gather(self)
  local started_at = now()
  local cnt = 1
  while cnt < self.max_batch_size do
    local left = self.max_coalescing_delay - (now() - started_at)
    if left < COALESCE_MIN_S or ngx.worker.exiting() and self:count() <= cnt then
      break
    end
    local ok, err = self.semaphore:wait(min(left, POLL_MAX_S))
    if ok then
      cnt = cnt + 1
    elseif err ~= "timeout" then
      self:log_err("could not wait for semaphore: %s", err)
      break
    end
  end
  return cnt
end


local function process_once(self)
  local ok, err = self.semaphore:wait(0)
  if not ok then
    if err ~= "timeout" then
      self:log_err("error waiting for semaphore: %s", err)
    end
    return
  end
  local batch = {}
  for i = 1, gather(self) do
    batch[i] = remove_first(self)
  end
  if self.has_dropped then
    self:log_info("queue resumed processing")
    self.has_dropped = false
  end
  deliver(self, batch)
end


local function run(_, self)
  while self:count() > 0 do
    self:log_debug("processing queue")
    process_once(self)
  end
  self:log_debug("done processing queue")
  queues[self.key] = nil
end


-- The queue of that name. Its settings are those it was made with, the handler's configuration the latest.
local function find_or_make(conf, handler, handler_conf)
  local key = key_of(conf.name)
  local found = queues[key]
  if found then
    found.handler_conf = handler_conf
    return found
  end
  local self = {
    handler = handler,
    handler_conf = handler_conf,
    key = key,
    semaphore = semaphore.new(),
    entries = {},
    front = 1,
    back = 1,
    bytes_queued = 0,
  }
  for name, value in pairs(conf) do
    self[name] = value
  end
  if self.max_bytes == null then
    self.max_bytes = nil
  end
  setmetatable(self, mt)
  if self.concurrency_limit == 1 then
    queues[key] = self
    local ok, err = ngx.timer.at(0, run, self)
    if not ok then
      queues[key] = nil
      return nil, "failed to create timer: " .. tostring(err)
    end
  end
  self:log_debug("queue created")
  return self
end


-- Makes room: drops the oldest entries for a new one.
local function make_room(self, entry)
  if self:count() >= self.max_entries then
    self:log_err("queue full, dropping old entries until processing is successful again")
    drop_oldest(self)
  end
  if is_too_large(self, entry) then
    local err = fmt("string to be queued is longer (%d bytes) than the queue's max_bytes (%d bytes)", #entry,
                    self.max_bytes)
    self:log_err(err)
    return nil, err
  end
  local dropped = 0
  while exceeds_bytes(self, entry) and self:count() > 0 do
    drop_oldest(self)
    dropped = dropped + 1
  end
  if dropped > 0 then
    self:log_err("byte capacity exceeded, %d queue entries were dropped", dropped)
  end
  return true
end


local function warn_of_capacity(self)
  if self:count() < self.max_entries * WARN_AT then
    self.is_warned = nil
  elseif not self.is_warned then
    self:log_warn("queue at %s%% capacity", WARN_AT * 100)
    self.is_warned = true
  end
end


local function add(self, entry)
  if entry == nil then
    return nil, "entry must be a non-nil Lua value"
  end
  if self.concurrency_limit == -1 then
    local ok, err = ngx.timer.at(0, function(premature)
      if not premature then
        deliver(self, { entry })
      end
    end)
    if not ok then
      return nil, "failed to create timer: " .. tostring(err)
    end
    return true
  end

  warn_of_capacity(self)
  local ok, err = make_room(self, entry)
  if not ok then
    return nil, err
  end
  if self.max_bytes then
    if type(entry) == "string" then
      self.bytes_queued = self.bytes_queued + #entry
    else
      self:log_err("queuing non-string entry to a queue that has queue.max_bytes set, capacity monitoring will not be " ..
                   "correct")
    end
  end
  self.entries[self.back] = entry
  self.back = self.back + 1
  self.semaphore:post()
  return true
end


local NUMBERS = { "max_batch_size", "max_coalescing_delay", "max_entries", "max_retry_time", "initial_retry_delay",
                  "max_retry_delay" }


-- conf: name and the fields of the schema type `queue`. handler(handler_conf, entries) returns true, or falsy and why.
-- true | nil, err.
function Queue.enqueue(conf, handler, handler_conf, entry)
  assert(type(conf) == "table", "arg #1 (queue_conf) must be a table")
  assert(type(handler) == "function", "arg #2 (handler) must be a function")
  assert(handler_conf == nil or type(handler_conf) == "table", "arg #3 (handler_conf) must be a table or nil")
  assert(type(conf.name) == "string", "arg #1 (queue_conf) must include a name")
  for i = 1, #NUMBERS do
    if type(conf[NUMBERS[i]]) ~= "number" then
      error("arg #1 (queue_conf) " .. NUMBERS[i] .. " must be a number", 2)
    end
  end
  assert(conf.max_bytes == nil or conf.max_bytes == null or type(conf.max_bytes) == "number",
         "arg #1 (queue_conf) max_bytes must be a number or nil")
  assert(type(conf.concurrency_limit) == "number", "arg #1 (queue_conf) concurrency_limit must be a number")
  local self, err = find_or_make(conf, handler, handler_conf)
  if not self then
    return nil, err
  end
  return add(self, entry)
end


-- Is there a queue of that name with entries on their way?
function Queue.exists(name)
  return queues[key_of(name)] ~= nil
end


function Queue._exists(name)
  local queue = queues[key_of(name)]
  return queue and queue:count() > 0
end


function Queue.is_full(conf)
  local queue = queues[key_of(conf.name)]
  return queue ~= nil and is_full(queue)
end


function Queue.can_enqueue(conf, entry)
  local queue = queues[key_of(conf.name)]
  return not queue or has_room(queue, entry)
end


-- Parameters from plugin configurations -------------------------------------------------------------------------------

-- Fields of former releases: name, its default, the field that took its place.
local FORMER = {
  { "retry_count", 10 },
  { "queue_size", 1, "max_batch_size" },
  { "flush_timeout", 2, "max_coalescing_delay" },
  { "batch_span_count", 200, "max_batch_size" },
  { "batch_flush_delay", 3, "max_coalescing_delay" },
}
local warned_at = {}


local function warn(name, message)
  local key = name .. "/" .. message
  if now() - (warned_at[key] or 0) >= DEPRECATION_INTERVAL_S then
    warned_at[key] = now()
    kong.log.warn(message)
  end
end


-- The queue settings of a plugin's configuration, with what former fields say.
function Queue.get_plugin_params(plugin_name, config, queue_name)
  local params = config.queue or {}
  local id = kong.plugin.get_id()
  params.log_tag = plugin_name .. " plugin " .. tostring(id)
  if config.plugin_instance_name then
    params.log_tag = params.log_tag .. " (" .. config.plugin_instance_name .. ")"
  end
  params.name = params.name or queue_name or id
  for i = 1, #FORMER do
    local name, default, now_called = FORMER[i][1], FORMER[i][2], FORMER[i][3]
    local value = config[name]
    if value ~= nil and value ~= null and value ~= default then
      if now_called then
        params[now_called] = value
        warn(params.name, "the " .. name .. " parameter is deprecated, please update your configuration to use queue." ..
                          now_called .. " instead")
      else
        warn(params.name, "the " .. name .. " parameter no longer works, please update your configuration to use " ..
                          "initial_retry_delay and max_retry_time instead")
      end
    end
  end
  return params
end


Queue._CAPACITY_WARNING_THRESHOLD = WARN_AT


return Queue
