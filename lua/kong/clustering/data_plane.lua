-- The data plane's end of the link: connects, says who it is, takes configurations, answers with the hash it runs. Runs in worker 0; the other
-- workers get the configuration through kong.db.declarative.sync. Traffic never depends on this: whatever fails, the last good
-- configuration goes on serving.

local cjson = require("cjson.safe")
local identity = require("kong.clustering.identity")
local link = require("kong.clustering.link")
local metrics = require("kong.clustering.metrics")
local reconfigure = require("kong.clustering.reconfigure")
local saved = require("kong.clustering.saved")
local semaphore = require("ngx.semaphore")

local fmt = string.format
local exiting = ngx.worker.exiting
local log = ngx.log
local DEBUG, ERR, INFO, NOTICE, WARN = ngx.DEBUG, ngx.ERR, ngx.INFO, ngx.NOTICE, ngx.WARN
local monotonic = ngx.now
local sleep = ngx.sleep
local spawn, kill, wait = ngx.thread.spawn, ngx.thread.kill, ngx.thread.wait

local PREFIX = "[clustering] "
local EMPTY_HASH = ("0"):rep(32)
local PING_S = 30
local DEAD_S = 45
local TICK_S = 1
local ROTATION_S = 5
local RETRY_MIN_S, RETRY_MAX_S = 5, 10
local EXPORT_TICK_S, EXPORT_EVERY_S = 2, 60  -- the first copy at once, then at most one a minute

local data_plane = {}


-- One connection: its socket, what came last and what must be said next.
local function new_session(conf, ws)
  return { conf = conf, ws = ws, pending = nil, wake = semaphore.new(), ping_now = true, last_seen = monotonic(),
           stamp = identity.certificate_stamp(conf) }
end


local function send_basic_info(session)
  local info = identity.basic_info(session.conf)
  local _, err = session.ws:send("binary", info)
  if err then
    return nil, "unable to send basic information to control plane: " .. err
  end
  return true
end


-- A certificate file that was replaced counts from the next connection on; that is made now.
local function has_rotated(session)
  local stamp = identity.certificate_stamp(session.conf)
  local is_new = stamp ~= session.stamp and stamp ~= ""
  return is_new
end


local function ping_loop(session)
  local waited = 0
  while not exiting() do
    if waited % ROTATION_S == 0 and has_rotated(session) then
      return nil, "the cluster certificate was replaced"
    end
    if session.ping_now or waited >= PING_S then
      session.ping_now = false
      waited = 0
      local _, err = session.ws:send("ping", reconfigure.current_hash())
      if err then
        return nil, "unable to send ping frame to control plane: " .. err
      end
      log(DEBUG, PREFIX, "sent ping frame to control plane")
    end
    sleep(TICK_S)
    waited = waited + TICK_S
  end
  return true
end


local function on_frame(session, data, kind)
  session.last_seen = monotonic()
  if kind == "binary" then
    session.pending = data
    if session.wake:count() <= 0 then
      session.wake:post()
    end
  elseif kind == "close" then
    return nil, "closed"
  elseif kind == "ping" and session.conf.konnect_mode then
    session.ws:send("pong", data)
  elseif kind ~= "pong" then
    log(NOTICE, PREFIX, "received ", kind, " frame from control plane, ignored")
  end
  return true
end


local function read_loop(session)
  while not exiting() do
    local data, kind = session.ws:receive()
    if data then
      local ok, err = on_frame(session, data, kind)
      if not ok then
        return nil, err
      end
    elseif kind == "timeout" then
      if monotonic() - session.last_seen > DEAD_S then
        return nil, fmt("did not receive pong frame from control plane within %d seconds", DEAD_S)
      end
    else
      return nil, "unable to receive frame from control plane: " .. kind
    end
  end
  return true
end


-- Konnect wants to know what was wrong; other control planes would close the connection over it.
local function report_error(session, what)
  if not session.conf.konnect_mode then
    return
  end
  local frame = cjson.encode({ type = "error", error = what })
  if frame then
    session.ws:send("binary", frame)
  end
end


local function describe(err, errors, hash)
  local what = { name = "declarative configuration parse failure", source = "kong.db.declarative.parse_table", message = tostring(err),
                 config_hash = hash or EMPTY_HASH, code = 14 }
  what.fields = type(errors) == "table" and errors or cjson.decode("{}")
  what.flattened_errors = cjson.decode("[]")
  return what
end


local function keep(session, payload, hash)
  local conf = session.conf
  local ok, err = saved.save(conf, payload, hash)
  if not ok and not session.is_save_failure_said then
    session.is_save_failure_said = true
    log(WARN, PREFIX, "the configuration serves, but cannot be saved for a restart: ", err)
  end
  data_plane.to_export = payload
end


local function bad_config(session, err, errors, hash)
  log(ERR, PREFIX, "unable to update running config: bad config received from control plane ", tostring(err))
  metrics.failed()
  report_error(session, describe(err, errors, hash))
end


-- One message. The old configuration stays in use when anything is wrong with it.
local function take(session, payload)
  local what, err, errors, hash = reconfigure.parse(payload)
  if not what then
    if err ~= "not a reconfigure message" then
      bad_config(session, err, errors, hash)
    end
    return
  end
  if what.is_same then
    log(DEBUG, PREFIX, "same config received from control plane, no need to reload")
    return
  end
  local ok
  ok, err = reconfigure.apply(what)
  if not ok then
    log(ERR, PREFIX, "unable to update running config: ", tostring(err))
    metrics.failed()
    report_error(session, { name = "configuration reload failed", source = "kong.db.declarative.load_into_cache_with_events",
                            message = tostring(err), config_hash = what.hash })
    return
  end
  session.ping_now = true
  metrics.applied(what.hash)
  keep(session, payload, what.hash)
end


local function apply_loop(session)
  while not exiting() do
    local ok = session.wake:wait(TICK_S)
    local payload = session.pending
    if ok and payload then
      session.pending = nil
      local done, err = pcall(take, session, payload)
      if not done then
        bad_config(session, err)
      end
    end
  end
  return true
end


-- Serves one connection until it ends; the reason.
local function run(session)
  local ok, err = send_basic_info(session)
  if not ok then
    return err
  end
  local threads = { spawn(ping_loop, session), spawn(read_loop, session), spawn(apply_loop, session) }
  local done, result
  done, result, err = wait(threads[1], threads[2])
  for i = 1, 3 do
    kill(threads[i])
  end
  if not done then
    return tostring(result)
  end
  return err or "the worker exits"
end


local function retry_delay(failure)
  local delay = math.random(RETRY_MIN_S, RETRY_MAX_S)
  local asked = type(failure) == "table" and failure.retry_after
  return asked and math.max(delay, math.min(asked, 300)) or delay
end


local function connect_once(conf)
  local delay = math.random(RETRY_MIN_S, RETRY_MAX_S)
  local to, err = identity.target(conf)
  local ws
  if to then
    ws, err = link.connect(to)
  end
  if not ws then
    delay = retry_delay(err)
    metrics.disconnected(type(err) == "table" and err.stage or "configuration", tostring(err))
    log(WARN, PREFIX, "connection to control plane ", identity.uri(conf), " broken: ", tostring(err), " (retrying after ", delay, " seconds) [",
        conf.cluster_control_plane, "]")
    return delay, err
  end
  metrics.connected()
  local reason = run(new_session(conf, ws))
  ws:close()
  metrics.disconnected("connection", reason)
  if reason == "the cluster certificate was replaced" then
    delay = 0
  end
  if reason == "closed" then
    log(INFO, PREFIX, "connection to control plane closed [", conf.cluster_control_plane, "]")
  elseif not exiting() then
    log(WARN, PREFIX, "connection to control plane ", identity.uri(conf), " broken: ", reason, " (retrying after ", delay, " seconds) [",
        conf.cluster_control_plane, "]")
  end
  return delay
end


-- A node without any configuration whose control plane cannot be reached begins with the fallback copy, if there is one.
local function try_fallback(conf)
  if not conf.cluster_fallback_config_import or reconfigure.current_hash() ~= EMPTY_HASH then
    return
  end
  local payload, err = require("kong.clustering.fallback").import(conf)
  if payload then
    local ok
    ok, err = reconfigure.take(payload)
    if ok then
      metrics.applied(reconfigure.current_hash())
      log(NOTICE, PREFIX, "serving the fallback configuration from ", conf.cluster_fallback_config_storage)
      return
    end
  end
  log(WARN, PREFIX, "cannot use the fallback configuration in ", conf.cluster_fallback_config_storage, ": ", tostring(err))
end


local function connect_loop(premature, conf)
  if premature then
    return
  end
  while not exiting() do
    local ok, delay, err = pcall(connect_once, conf)
    if not ok then
      log(ERR, PREFIX, "the link to the control plane failed: ", delay)
      delay = RETRY_MAX_S
    end
    if err then
      try_fallback(conf)
    end
    for _ = 1, delay do
      if exiting() then
        return
      end
      sleep(1)
    end
  end
end


-- Copies are written at leisure: a burst of changes makes one.
local function export(premature, conf)
  local payload = data_plane.to_export
  local now = monotonic()
  if premature or not payload or now - (data_plane.exported_at or 0) < EXPORT_EVERY_S then
    return
  end
  data_plane.exported_at = now
  data_plane.to_export = nil
  local ok, err = require("kong.clustering.fallback").export(conf, payload)
  if not ok then
    log(WARN, PREFIX, "cannot write the fallback configuration to ", conf.cluster_fallback_config_storage, ": ", tostring(err))
    data_plane.to_export = data_plane.to_export or payload
  end
end


-- In the master, before the fork: the saved configuration serves from the first request on. true, or nil, err.
function data_plane.load_at_start(conf)
  -- Certificates are read here once, for all workers.
  local target = identity.target(conf)
  if target then
    require("ngx.socket_tcp").prepare_trusted(target.tls.trusted)
  end
  if conf.declarative_config or conf.declarative_config_string then
    return true
  end
  local payload, err = saved.load(conf)
  if payload then
    local ok
    ok, err = reconfigure.load_at_start(payload)
    if ok then
      return true
    end
    err = "the saved configuration is not valid any more: " .. tostring(err)
  end
  if err then
    log(WARN, PREFIX, err)
  end
  return true
end


-- From init_worker.
function data_plane.start(conf)
  if ngx.worker.id() ~= 0 then
    return
  end
  if conf.konnect_mode or conf.cluster_telemetry_endpoint then
    log(INFO, PREFIX, "telemetry settings are accepted and not used")
  end
  assert(ngx.timer.at(0, connect_loop, conf))
  if conf.cluster_fallback_config_export then
    assert(ngx.timer.every(EXPORT_TICK_S, export, conf))
  end
end


return data_plane
