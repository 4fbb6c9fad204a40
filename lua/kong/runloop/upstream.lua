-- From a route's record (and what plugins changed of it) to an address: names are resolved, upstream entities asked for
-- one of their targets, and the choice handed to C. Called at the end of the access phase and again for every retry.
-- Must never start a second resolution for a retry: those take what is cached.
local balancer = require "kong.balancer"
local proxy = require "ngx.proxy"
local record = require "kong.runloop.record"
local state = require "kong.runloop.state"
local tls = require "kong.runloop.upstream_tls"

local host_header = record.host_header
local set_buffering = proxy.set_buffering
local set_peer = proxy.set_peer
local set_retries = proxy.set_retries
local set_timeouts = proxy.set_timeouts
local slot = proxy.slot
local tries = state.tries

local upstream = {}

local PHASE_ACCESS = 0x20
local PHASE_BALANCER = 0x40


-- Keep-alive pools: plain connections are told apart by address, which C does; TLS ones also by name and credentials.
local function pool_of(options, host, ip, port)
  if not options then
    return nil
  end
  return ip .. "|" .. port .. "|" .. host .. "|" .. options.key
end


-- The peer is an address that the configuration names: nothing to choose, nothing to remember but the record.
function upstream.run_direct(rec)
  tries[slot()] = rec
  set_timeouts(rec.connect_ms, rec.send_ms, rec.read_ms)
  set_retries(rec.retries)
  set_buffering(rec.request_buffering, rec.response_buffering)
  if not rec.preserve_host then
    proxy.set_host(rec.host_value)
  end
  if rec.is_tls then
    return upstream.set_tls_peer(rec, nil, rec.host, rec.port, ngx.var.upstream_host)
  end
  set_peer(rec.host, rec.port, nil, nil)
end


-- Host without its port: the name for SNI and for verification.
local function server_name(host)
  local name = host:match("^(.-):%d+$")
  return name or host
end


function upstream.set_tls_peer(rec, try, ip, port, host)
  local options = tls.options(rec, try)
  tls.apply(options)
  set_peer(ip, port, server_name(host), pool_of(options, host, ip, port))
end


-- Ends the request because no address was found.
local function fail(err, status, host)
  if not ngx.ctx.KONG_PHASE then
    ngx.ctx.KONG_PHASE = PHASE_ACCESS
  end
  if status == 503 then
    return kong.response.error(503, err)
  end
  return kong.response.error(500, "failed the initial dns/balancer resolve for '" .. host .. "' with: " .. tostring(err))
end


-- Chosen address -> C. The Host follows the target unless the client's or a plugin's is kept.
local function use(try, rec, ip, port, hostname)
  local host
  if try.keeps_host then
    host = try.host_value
  else
    host = host_header(hostname, port, try.scheme)
    proxy.set_host(host)
  end
  if try.is_tls then
    return upstream.set_tls_peer(rec, try, ip, port, host or ngx.var.upstream_host)
  end
  set_peer(ip, port, nil, nil)
end


local function new_try(ctx, rec)
  local data = ctx and ctx.balancer_data
  local try = {
    rec = rec,
    ctx = ctx,
    data = data,
    scheme = rec.scheme,
    is_tls = rec.is_tls,
    keeps_host = rec.preserve_host,
    host = rec.host,
    port = rec.port,
    upstream = rec.upstream,
    is_first = true,
  }
  if data then
    local scheme = ngx.var.upstream_scheme
    if scheme and scheme ~= "" then
      try.is_tls = scheme == "https" or scheme == "grpcs"
      if try.is_tls ~= rec.is_tls then
        try.scheme = scheme
        proxy.set_scheme(try.is_tls)
      end
    end
    local host = proxy.get_host()
    if host and host ~= "" then
      try.keeps_host, try.host_value = true, host
    end
    if data.host ~= rec.host or data.port ~= rec.port then
      try.host, try.port = data.host, data.port
      try.upstream = state.find_upstream(data.host)
    end
  end
  return try
end


-- Asks the balancer or DNS. Returns ip, port, hostname | nil, err, status.
local function choose(try, is_retry)
  if try.upstream then
    return balancer.pick(try, is_retry)
  end
  return balancer.resolve(try.host, try.port, is_retry)
end


-- Chooses the first peer. `ctx` is nil for requests without plugins.
function upstream.run(ctx, rec)
  local try = new_try(ctx, rec)
  tries[slot()] = try
  local data = try.data
  set_timeouts(data and data.connect_timeout or rec.connect_ms, data and data.send_timeout or rec.send_ms,
               data and data.read_timeout or rec.read_ms)
  set_retries(data and data.retries or rec.retries)
  set_buffering(rec.request_buffering, rec.response_buffering)

  local ip, port, hostname = choose(try, false)
  if not ip then
    return fail(port, hostname, try.host)
  end
  if data then
    data.ip, data.port, data.hostname = ip, port, hostname
    data.try_count = 1
    data.tries[1] = { ip = ip, port = port }
    ctx.KONG_PROXIED = true
  end
  return use(try, rec, ip, port, hostname)
end


local function run_retry_callback(data)
  local callback = data and data.retry_callback
  if not callback then
    return true
  end
  local ok, result, err = pcall(callback)
  if not ok or result == false then
    ngx.log(ngx.ERR, "the retry handler failed: ", tostring(ok and err or result))
    return false
  end
  return true
end


-- The balancer phase: a try failed and another may follow.
function upstream.retry()
  local try = tries[slot()]
  if not try then
    return ngx.exit(503)
  end
  if not try.rec then
    -- A record: the same address again.
    local rec = try
    if rec.is_tls then
      return upstream.set_tls_peer(rec, nil, rec.host, rec.port, ngx.var.upstream_host)
    end
    return set_peer(rec.host, rec.port, nil, nil)
  end

  local ctx, data = try.ctx, try.data
  if ctx then
    ctx.KONG_PHASE = PHASE_BALANCER
  end
  if not run_retry_callback(data) then
    return ngx.exit(503)
  end
  if data and data.ip == nil and data.host ~= try.host then
    try.host, try.port = data.host, data.port
    try.upstream = state.find_upstream(data.host)
  end
  local ip, port, hostname = choose(try, true)
  if not ip then
    ngx.log(ngx.ERR, "failed to retry the dns/balancer resolver for '", try.host, "' with: ", tostring(port))
    return ngx.exit(503)
  end
  if data then
    data.ip, data.port, data.hostname = ip, port, hostname
    data.try_count = data.try_count + 1
    data.tries[data.try_count] = { ip = ip, port = port }
  end
  return use(try, try.rec, ip, port, hostname)
end


return upstream
