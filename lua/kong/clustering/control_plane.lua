-- The control plane's end of the link: serves data planes on the cluster listener, tells them every change within a second, keeps a record of
-- each. One worker. A session is a request whose connection became a websocket: a reader (its own coroutine) and a writer (light thread)
-- with a first-in-first-out queue of pongs and one pending push.

local cjson = require("cjson.safe")
local compat = require("kong.clustering.compat")
local config_hash = require("kong.clustering.config_hash")
local export = require("kong.clustering.export")
local gzip = require("ngx.unpack").gzip
local handshake = require("kong.clustering.handshake")
local link = require("kong.clustering.link")
local meta = require("kong.meta")
local new_pause = require("ngx.pause").new
local records = require("kong.clustering.records")
local semaphore = require("ngx.semaphore")

local exiting = ngx.worker.exiting
local log = ngx.log
local DEBUG, ERR, INFO, NOTICE, WARN = ngx.DEBUG, ngx.ERR, ngx.INFO, ngx.NOTICE, ngx.WARN
local ipairs = ipairs
local pairs = pairs
local type = type

local PREFIX = "[clustering] "
local DEAD_S = 45
local COALESCE_S = 0.05  -- a burst of changes makes one push; the first of a burst goes at once
local QUEUE_MAX = 1024
local PUSH_LEVEL = 1     -- of gzip: a push should go at once

local control_plane = {}

local sessions = {}      -- set of sessions that get pushes
local current            -- {payload (gzip), sections, members, hash, hashes, configured, by_version}
local is_stale = true    -- the database changed since `current` was made
local changed


-- The configuration to push, made anew when the database changed: only changed rows are encoded again. May yield.
local function export_config()
  if current and not is_stale then
    return current
  end
  is_stale = false
  local pause = new_pause()
  local sections, members, configured = export.sections(kong.db, kong.db.store, pause)
  local hash, hashes = config_hash.of_sections(sections, members, pause)
  local payload, err = export.packed_message(sections, members, hash, hashes)
  if not payload then
    is_stale = true
    return nil, err
  end
  current = { payload = payload, sections = sections, members = members, hash = hash, hashes = hashes, configured = configured, by_version = {} }
  return current
end


-- The push for one version of data planes: as it is, or rewritten (kept per version).
local function payload_for(config, version)
  if compat.version_num(version) == compat.version_num(meta.version) then
    return config.payload
  end
  local made = config.by_version[version]
  if not made then
    local message = cjson.decode(export.message(config.sections, config.members, config.hash, config.hashes))
    made = config.payload
    if compat.downgrade(message.config_table, version) then
      log(WARN, PREFIX, "the configuration was rewritten for data planes of version ", version)
      made = gzip(cjson.encode(message), PUSH_LEVEL)
    end
    config.by_version[version] = made
  end
  return made
end


local function own_plugins()
  local versions = {}
  for _, plugin in ipairs(require("kong.runloop.state").plugins) do
    versions[plugin.name] = plugin.handler.VERSION or true
  end
  return versions
end


local function set_status(session, status, reason)
  if status ~= "normal" and session.status ~= status then
    log(WARN, PREFIX, "unable to send updated configuration to data plane: ", reason, session.suffix)
  end
  session.status = status
  records.save(session)
end


local function push(session)
  local config, err = export_config()
  if not config then
    log(ERR, PREFIX, "unable to export the configuration: ", err)
    return true
  end
  local ok, reason, status = compat.check_plugins(config.configured, own_plugins(), session.plugins)
  if not ok then
    set_status(session, status, reason)
    return true
  end
  if session.status ~= "normal" then
    set_status(session, "normal")
  end
  local _, send_err = session.ws:send("binary", payload_for(config, session.version))
  if send_err then
    return nil, "unable to send updated configuration to data plane: " .. send_err
  end
  log(DEBUG, PREFIX, "sent config update to data plane", session.suffix)
  return true
end


-- Queue -------------------------------------------------------------------------------------------------------------


local function enqueue(session, what)
  if what == "push" then
    if session.has_push then
      return
    end
    session.has_push = true
  end
  local queue = session.queue
  if queue.last - queue.first >= QUEUE_MAX then
    session.is_broken = "the queue towards the data plane is full"
    return
  end
  queue.last = queue.last + 1
  queue[queue.last] = what
  session.wake:post()
end


local function dequeue(session)
  local queue = session.queue
  if queue.first >= queue.last then
    return nil
  end
  queue.first = queue.first + 1
  local what = queue[queue.first]
  queue[queue.first] = nil
  return what
end


local function write_loop(session)
  while not exiting() and not session.is_broken do
    session.wake:wait(5)
    local what = dequeue(session)
    if what == "push" then
      session.has_push = false
      local ok, err = push(session)
      if not ok then
        return nil, err
      end
    elseif what == "pong" then
      local _, err = session.ws:send("pong", "")
      if err then
        return nil, "failed to send pong back to data plane: " .. err
      end
    end
  end
  return nil, session.is_broken or "the control plane exits"
end


local function on_ping(session, payload)
  if #payload ~= 32 then
    return nil, "received a ping frame from the data plane with an invalid hash: '" .. payload .. "'"
  end
  session.last_seen = ngx.time()
  session.hash = payload
  records.save(session)
  enqueue(session, "pong")
  return true
end


local function read_loop(session)
  local seen = ngx.now()
  while not exiting() do
    local data, kind = session.ws:receive()
    if data then
      seen = ngx.now()
      if kind == "close" then
        return nil, "received close frame from data plane"
      elseif kind == "binary" and #data > 32 and data:find('"error"', 1, true) then
        log(WARN, PREFIX, "the data plane could not use the configuration: ", data:sub(1, 2000), session.suffix)
      elseif kind ~= "ping" then
        return nil, "invalid websocket frame received from data plane: " .. tostring(kind)
      else
        local ok, err = on_ping(session, data)
        if not ok then
          return nil, err
        end
      end
    elseif kind ~= "timeout" then
      return nil, "failed to receive ping frame from data plane: " .. kind
    elseif ngx.now() - seen > DEAD_S then
      return nil, "did not receive ping frame from data plane within " .. DEAD_S .. " seconds"
    end
  end
  return nil, "the control plane exits"
end


-- Sessions ----------------------------------------------------------------------------------------------------------


-- The first frame: who the data plane is. session fields plugins and labels, or nil, err.
local function read_basic_info(session)
  local data, kind = session.ws:receive()
  if not data then
    return nil, "failed to receive websocket basic info frame: " .. tostring(kind)
  elseif kind == "close" then
    return nil, "received close frame from data plane"
  elseif kind ~= "binary" then
    return nil, "invalid basic info frame: expected binary, got " .. tostring(kind), true
  end
  local info = cjson.decode(data)
  if type(info) ~= "table" then
    return nil, "failed to decode websocket basic info data"
  elseif info.type ~= "basic_info" then
    return nil, "invalid basic info data type: " .. tostring(info.type)
  elseif type(info.plugins) ~= "table" then
    return nil, "missing plugins in basic info data"
  end
  session.plugins = {}
  for _, plugin in pairs(info.plugins) do
    if type(plugin) == "table" and type(plugin.name) == "string" then
      session.plugins[plugin.name] = type(plugin.version) == "string" and plugin.version or true
    end
  end
  session.labels = type(info.labels) == "table" and info.labels or nil
  return true
end


local function say_goodbye(session)
  session.ws:send("close", "")
  session.ws:close()
end


local function serve_session(session)
  local ok, err, is_silent = read_basic_info(session)
  if not ok then
    log(ERR, PREFIX, err, session.suffix)
    if is_silent then
      session.ws:close()
    else
      say_goodbye(session)
    end
    return
  end
  local reason, status
  ok, reason, status = compat.check_version(meta.version, session.version)
  if not ok then
    log(ERR, PREFIX, reason, session.suffix)
    session.status = status
    records.save(session)
    say_goodbye(session)
    return
  end
  log(NOTICE, PREFIX, "data plane connected", session.suffix)
  sessions[session] = true
  session.status = "unknown"
  enqueue(session, "push")
  local reader, writer = ngx.thread.spawn(read_loop, session), ngx.thread.spawn(write_loop, session)
  local _, _, why = ngx.thread.wait(reader, writer)
  ngx.thread.kill(reader)
  ngx.thread.kill(writer)
  sessions[session] = nil
  log(INFO, PREFIX, "data plane disconnected: ", tostring(why), session.suffix)
  say_goodbye(session)
end


-- A request on the cluster listener.
function control_plane.serve()
  local accepted = handshake.accept(kong.configuration)
  if not accepted then
    return
  end
  local session = {
    ws = link.of_server(accepted.sock, kong.configuration.cluster_max_payload),
    id = accepted.node_id, hostname = accepted.hostname, version = accepted.version, ip = accepted.ip, expiry = accepted.expiry,
    hash = config_hash.NONE, last_seen = ngx.time(), queue = { first = 0, last = 0 }, wake = semaphore.new(),
    suffix = " [id: " .. accepted.node_id .. ", host: " .. tostring(accepted.hostname) .. ", ip: " .. accepted.ip .. ", version: " .. accepted.version .. "]",
  }
  local ok, err = pcall(serve_session, session)
  sessions[session] = nil
  if not ok then
    log(ERR, PREFIX, "the session of a data plane failed: ", err, session.suffix)
    session.ws:close()
  end
  ngx.exit(444)
end


local function push_loop(premature)
  if premature then
    return
  end
  while not exiting() do
    if changed:wait(1) then
      for session in pairs(sessions) do
        enqueue(session, "push")
      end
      ngx.sleep(COALESCE_S)
    end
  end
end


-- Every change of an exported entity makes a push.
local function on_change(changes)
  for _, change in ipairs(changes) do
    if change.info.schema.db_export ~= false then
      is_stale = true
      if changed:count() < 1 then
        changed:post()
      end
      return
    end
  end
end


-- Hash of what is pushed now, for the status of data planes.
function control_plane.current_hash()
  return current and current.hash
end


-- From init_worker.
function control_plane.start()
  changed = semaphore.new()
  kong.db.writer:on_change(on_change)
  assert(ngx.timer.at(0, push_loop))
end


return control_plane
