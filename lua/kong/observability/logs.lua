-- What is logged, kept for plugins that send logs somewhere: by request while there is one, else by worker. Nothing is kept
-- before `enable` was called, and never more than MAX_RECORDS of each kind.
local errlog = require "ngx.errlog"
local request_id = require "kong.observability.tracing.request_id"
local time_ns = require("kong.tools.time").time_ns

local concat = table.concat
local get_info = debug.getinfo
local ngx = ngx
local pairs = pairs
local select = select
local tostring = tostring

local logs = {}

local MAX_RECORDS = 1000
local CTX_KEY = "o11y_logs_request_scoped"
local REQUEST_PHASES = {
  rewrite = true,
  access = true,
  content = true,
  header_filter = true,
  body_filter = true,
  log = true,
  balancer = true,
}

local worker_records = {}
local is_enabled = false
-- The operator was told that records are lost.
local has_told = false


local function join(...)
  local texts = { ... }
  for i = 1, select("#", ...) do
    texts[i] = tostring(texts[i])
  end
  return concat(texts)
end


local function make_record(info, id, attributes, level, body)
  local all = {
    ["request.id"] = id,
    ["introspection.current.line"] = info.currentline,
    ["introspection.name"] = info.name,
    ["introspection.namewhat"] = info.namewhat,
    ["introspection.source"] = info.source,
    ["introspection.what"] = info.what,
  }
  for name, value in pairs(attributes or {}) do
    all[name] = value
  end
  local active = id and kong.tracing.active_span()
  local now = time_ns()
  return {
    time_unix_nano = now,
    observed_time_unix_nano = now,
    log_level = level,
    body = body,
    attributes = all,
    span_id = active and active.span_id or nil,
  }
end


local function records_of_request()
  local ctx = ngx.ctx
  local records = ctx[CTX_KEY]
  if not records then
    records = {}
    ctx[CTX_KEY] = records
  end
  return records
end


-- Keeps a message if the level is logged at all. stack_level: of the caller that logs, as debug.getinfo counts from here.
-- Must never suspend and never log but through the raw function.
function logs.maybe_push(stack_level, attributes, level, ...)
  if level and level > errlog.get_sys_filter_level() then
    return
  end
  local is_request = REQUEST_PHASES[ngx.get_phase()]
  local records = is_request and records_of_request() or worker_records
  if #records >= MAX_RECORDS then
    if not has_told then
      has_told = true
      errlog.raw_log(ngx.NOTICE, "[observability] OpenTelemetry logs buffer is full: dropping new log entries.")
    end
    return
  end
  if has_told then
    has_told = false
    errlog.raw_log(ngx.NOTICE, "[observability] OpenTelemetry logs buffer resumed accepting log entries.")
  end
  local info = get_info(stack_level, "nSl") or {}
  local id = is_request and request_id.get() or nil
  records[#records + 1] = make_record(info, id, attributes, level, join(...))
end


-- From now on what kong.log.* and ngx.log write is kept.
function logs.enable()
  if is_enabled then
    return
  end
  is_enabled = true
  local CALLER_OF_KONG_LOG, CALLER_OF_NGX_LOG = 4, 3
  require("kong.pdk.log").observer = function(level, ...)
    logs.maybe_push(CALLER_OF_KONG_LOG, nil, level, ...)
  end
  local write = ngx.log
  ngx.log = function(level, ...)
    logs.maybe_push(CALLER_OF_NGX_LOG, nil, level, ...)
    -- As a tail call it shows its own caller's position.
    return write(level, ...)
  end
end


-- The worker's records; they are handed out once.
function logs.get_worker_logs()
  local records = worker_records
  worker_records = {}
  return records
end


-- Copies of the running request's records.
function logs.get_request_logs()
  local copies = {}
  local records = ngx.ctx[CTX_KEY]
  for i = 1, records and #records or 0 do
    local copy = {}
    for name, value in pairs(records[i]) do
      copy[name] = value
    end
    copies[i] = copy
  end
  return copies
end


return logs
