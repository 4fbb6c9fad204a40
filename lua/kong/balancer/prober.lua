-- Active health checks. One worker (the first) probes for all: it walks the rings ten times a second and sends a request
-- to every address that is due, in timers of their own. What it finds goes to kong.balancer.health.
-- Must never run in more than one worker: the interval is the upstream's, not each worker's.
local dns = require "kong.dns"
local health = require "kong.balancer.health"

local concat = table.concat
local min = math.min
local now = ngx.now
local null = ngx.null

local prober = {}

local TICK_S = 0.1
local STATUS_LINE_MAX = 256

local watched = {}
local is_running, is_ticking = false, false


local function setting(source, name, default)
  local value = source[name]
  if value == nil or value == null then
    return default
  end
  return value
end


-- The probe's text: HTTP/1.0, so that the connection ends with the answer.
local function request_text(ring, address)
  local source = ring.checks.source
  local lines = { "GET " .. setting(source, "http_path", "/") .. " HTTP/1.0" }
  local headers = setting(source, "headers", {})
  for name, values in pairs(headers) do
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      lines[#lines + 1] = name .. ": " .. value
    end
  end
  lines[#lines + 1] = "Host: " .. (ring.host_header or address.hostname)
  return concat(lines, "\r\n") .. "\r\n\r\n"
end


local function handshake(sock, ring, address)
  local source = ring.checks.source
  local name = setting(source, "https_sni", nil) or ring.host_header or address.hostname
  local verify = setting(source, "https_verify_certificate", true)
  return sock:sslhandshake(nil, name, verify)
end


local function status_of(sock, ring, address)
  local kind = ring.checks.active.type
  if kind == "https" then
    local session, err = handshake(sock, ring, address)
    if not session then
      return nil, err
    end
  end
  local bytes, err = sock:send(request_text(ring, address))
  if not bytes then
    return nil, err
  end
  local line
  line, err = sock:receive("*l")
  if not line then
    return nil, err
  end
  return tonumber(line:sub(1, STATUS_LINE_MAX):match("^HTTP/%d%.%d%s+(%d+)")) or 0
end


local function failure_kind(err)
  return err and err:find("timeout", 1, true) and "timeout" or "tcp"
end


local function probe(ring, address)
  local rules = ring.checks.active
  local ip, port = address.ip, address.port
  if address.needs_dns then
    ip, port = dns.toip(ip, port)
    if not ip then
      return health.report(ring, address, "tcp", rules)
    end
  end
  local sock = ngx.socket.tcp()
  sock:settimeout(setting(ring.checks.source, "timeout", 1) * 1000)
  local ok, err = sock:connect(ip, port)
  if not ok then
    return health.report(ring, address, failure_kind(err), rules)
  end
  local status
  status, err = status_of(sock, ring, address)
  sock:close()
  if not status then
    return health.report(ring, address, failure_kind(err), rules)
  end
  if status == 0 then
    return health.report(ring, address, "http", rules)
  end
  return health.report_status(ring, address, status, rules)
end


-- Takes addresses off the queue until it is empty.
local function run_queue(premature, ring, queue)
  while not premature do
    local address = queue[queue.at]
    if not address then
      return
    end
    queue.at = queue.at + 1
    local ok, err = pcall(probe, ring, address)
    address.is_being_probed = nil
    if not ok then
      ngx.log(ngx.ERR, "[healthcheck] (", ring.name, ") probe of ", address.key, " failed: ", err)
    end
  end
end


-- Sends a probe to every address of one state; as many at a time as the upstream's concurrency says.
local function probe_all(ring, wanted_healthy)
  local queue = { at = 1 }
  for i = 1, #ring.addresses do
    local address = ring.addresses[i]
    if address.is_healthy == wanted_healthy and address.weight > 0 and not address.is_being_probed then
      address.is_being_probed = true
      queue[#queue + 1] = address
    end
  end
  local started = 0
  for _ = 1, min(#queue, setting(ring.checks.source, "concurrency", 10)) do
    if ngx.timer.at(0, run_queue, ring, queue) then
      started = started + 1
    end
  end
  if started == 0 then
    for i = 1, #queue do
      queue[i].is_being_probed = nil
    end
  end
end


-- Probes one list when its interval has passed; returns when it is due next.
local function probe_when_due(ring, due_at, interval, wanted_healthy, at)
  if interval <= 0 then
    return math.huge
  end
  if not due_at then
    return at + interval
  end
  if at < due_at then
    return due_at
  end
  probe_all(ring, wanted_healthy)
  return at + interval
end


local function probe_rings()
  local at = now()
  for i = 1, #watched do
    local ring = watched[i]
    if not ring.is_resolved then
      ring:resolve()
    end
    local rules = ring.checks.active
    ring.healthy_due = probe_when_due(ring, ring.healthy_due, rules.healthy_interval, true, at)
    ring.unhealthy_due = probe_when_due(ring, ring.unhealthy_due, rules.unhealthy_interval, false, at)
  end
end


-- Goes on while there is something to watch.
local function tick(premature)
  if not premature and is_running and #watched > 0 then
    local ok, err = pcall(probe_rings)
    if not ok then
      ngx.log(ngx.ERR, "[healthcheck] ", err)
    end
    is_ticking = ngx.timer.at(TICK_S, tick) and true or false
  else
    is_ticking = false
  end
end


local function start_ticking()
  if is_running and not is_ticking and #watched > 0 then
    is_ticking = ngx.timer.at(0, tick) and true or false
  end
end


-- Takes over the rings that want probes.
function prober.watch(rings)
  watched = {}
  for _, ring in pairs(rings) do
    if ring.checks.probes then
      watched[#watched + 1] = ring
    end
  end
  start_ticking()
end


function prober.start()
  is_running = ngx.worker.id() == 0
  start_ticking()
end


function prober.stop()
  is_running = false
end


prober.request_text = request_text


return prober
