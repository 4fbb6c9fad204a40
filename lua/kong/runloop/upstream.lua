-- From a route's record (and what plugins changed of it) to an address: names are resolved, upstream entities asked for
-- one of their targets, and the choice handed to C. Called at the end of the access phase and again for every retry.
-- Must never start a second resolution for a retry: those take what is cached.
local balancer = require "kong.balancer"
local proxy = require "ngx.proxy"
local record = require "kong.runloop.record"
local state = require "kong.runloop.state"
local tls = require "kong.runloop.upstream_tls"

local get_last_failure = require("ngx.balancer").get_last_failure
local host_header = record.host_header
local set_peer = proxy.set_peer
local floor = math.floor
local has_scheme = proxy.has_scheme
local rawget = rawget
local slot = proxy.slot
local time_ns = require("kong.tools.time").time_ns
local tries = state.tries
local want = proxy.want

local upstream = {}

local PHASE_ACCESS = 0x20
local PHASE_BALANCER = 0x40


-- Keep-alive pools by address: pools[ip][port]. Bounded by POOLS_MAX.
local pools, pool_cnt = {}, 0
local POOLS_MAX = 5000


-- Name of the keep-alive pool for plain connections to an address, or nil when there is no keep-alive.
local function plain_pool(ip, port)
  if not state.has_pool then
    return nil
  end
  local by_port = pools[ip]
  if not by_port then
    by_port = {}
    pools[ip] = by_port
  end
  local pool = by_port[port]
  if not pool then
    if pool_cnt >= POOLS_MAX then
      pools, pool_cnt = { [ip] = {} }, 0
      by_port = pools[ip]
    end
    pool = ip .. "|" .. port
    by_port[port] = pool
    pool_cnt = pool_cnt + 1
  end
  return pool
end


-- TLS connections are told apart by name and credentials as well.
local function tls_pool(key, host, ip, port)
  if not state.has_pool then
    return nil
  end
  return ip .. "|" .. port .. "|" .. host .. "|" .. key
end


-- The Host that goes to the upstream: the one that was set, else the client's.
local function host_of_request()
  return proxy.get_host() or ngx.var.upstream_host
end


-- The peer is an address that the configuration names: C has it already, nothing to remember but the record.
function upstream.run_direct(rec, ctx)
  tries[slot()] = rec
  if rec.is_tls then
    return upstream.set_tls_peer(rec, nil, rec.host, rec.port, host_of_request(), ctx)
  end
end


-- Host without its port: the name for SNI and for verification.
local function server_name(host)
  local name = host:match("^(.-):%d+$")
  return name or host
end


-- `ctx` is nil for requests without plugins, whose names are the same again and again: the last ones are kept.
function upstream.set_tls_peer(rec, try, ip, port, host, ctx)
  local options = tls.options(rec, try)
  local chosen = ctx and ctx.upstream_tls
  local key = tls.apply(options, chosen)
  if chosen or options.ip ~= ip or options.port ~= port or options.host ~= host then
    options.ip, options.port, options.host = ip, port, host
    options.name, options.pool = server_name(host), tls_pool(key, host, ip, port)
    if chosen then
      options.ip = nil
    end
  end
  set_peer(ip, port, options.name, options.pool)
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
    proxy.set_host(try.is_tls, host)
  end
  if try.is_tls then
    return upstream.set_tls_peer(rec, try, ip, port, host or host_of_request(), try.ctx)
  end
  set_peer(ip, port, nil, plain_pool(ip, port))
end


local function new_try(ctx, rec, match)
  local data = ctx and rawget(ctx, "balancer_data")
  local try = {
    rec = rec,
    ctx = ctx,
    data = data,
    matches = match.matches,
    scheme = rec.scheme,
    is_tls = rec.is_tls,
    keeps_host = rec.preserve_host,
    host = rec.host,
    port = rec.port,
    upstream = rec.upstream,
  }
  if ctx then
    local scheme = has_scheme() and ngx.var.upstream_scheme
    if scheme and scheme ~= "" then
      try.is_tls = scheme == "https" or scheme == "grpcs"
      if try.is_tls ~= rec.is_tls then
        try.scheme = scheme
        proxy.set_upstream(try.is_tls, nil, nil, nil)
      end
    end
    local host = proxy.get_host()
    if host and host ~= "" and host ~= rec.fields.host then
      try.keeps_host, try.host_value = true, host
    end
    if data and (data.host ~= rec.host or data.port ~= rec.port) then
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
  local tracing = state.instrumentation
  if tracing and try.ctx and try.rec.host_type == "name" then
    return tracing.resolve(balancer.resolve, try.host, try.port, is_retry)
  end
  return balancer.resolve(try.host, try.port, is_retry)
end


-- What plugins changed of the timeouts and retries.
local function apply_changes(data, rec)
  if data.connect_timeout ~= rec.connect_ms or data.send_timeout ~= rec.send_ms or data.read_timeout ~= rec.read_ms then
    proxy.set_timeouts(data.connect_timeout, data.send_timeout, data.read_timeout)
  end
  if data.retries ~= rec.retries then
    proxy.set_retries(data.retries)
  end
end


-- Tells C which of the later phases this request enters. `plan` and `ctx` are nil for requests without plugins, `try` is
-- nil before an upstream was chosen.
function upstream.want_phases(plan, ctx, try)
  local is_held = plan and plan.response ~= false or ctx and ctx.buffered_proxying == true
  local is_counted = try and try.ring and try.ring.wants_end
  local has_cookie = try and try.hash_cookie ~= nil
  local has_debug = ctx and ctx.wants_debug
  want(plan and plan.header_filter ~= false or is_held or has_cookie or has_debug, plan and plan.body_filter ~= false,
       plan and plan.log ~= false or is_counted, is_held)
end


-- What plugins and logs see of a try; `since_ns` is when its peer began to be chosen.
local function note_try(try, data, i, ip, port, hostname, since_ns)
  local took_ns = time_ns() - since_ns
  data.ip, data.port, data.hostname = ip, port, hostname
  data.try_count = i
  data.tries[i] = {
    ip = ip,
    port = port,
    balancer_start = floor(since_ns / 1e6),
    balancer_start_ns = since_ns,
    balancer_latency = floor(took_ns / 1e6),
    balancer_latency_ns = took_ns,
  }
  try.last_port = port
end


-- Chooses the first peer. `ctx` is nil for requests without plugins.
function upstream.run(ctx, rec, match)
  if ctx then
    ctx.KONG_PROXIED = true
    -- No plugin looked at where the request goes.
    if rec.is_direct and not rawget(ctx, "balancer_data") and not has_scheme() and not state.instrumentation then
      return upstream.run_direct(rec, ctx)
    end
  end
  local try = new_try(ctx, rec, match)
  tries[slot()] = try
  local data = try.data
  if data then
    apply_changes(data, rec)
  end

  local since_ns = data and time_ns()
  local ip, port, hostname = choose(try, false)
  if not ip then
    if ctx then
      ctx.KONG_PROXIED = nil
    end
    return fail(port, hostname, try.host)
  end
  if data then
    note_try(try, data, 1, ip, port, hostname, since_ns)
  end
  if try.ring then
    upstream.want_phases(ctx and ctx.plugins_plan, ctx, try)
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
      return upstream.set_tls_peer(rec, nil, rec.host, rec.port, host_of_request(), ngx.ctx)
    end
    return proxy.set_route_peer(rec.native)
  end

  local ctx, data = try.ctx, try.data
  if ctx then
    ctx.KONG_PHASE = PHASE_BALANCER
  end
  if not run_retry_callback(data) then
    return ngx.exit(503)
  end
  if data and (data.host ~= try.host or data.port ~= try.last_port) then
    try.host, try.port = data.host, data.port
    try.upstream = state.find_upstream(data.host)
  end
  local failed = data and data.tries[data.try_count]
  if failed then
    failed.state, failed.code = get_last_failure()
  end
  local since_ns = data and time_ns()
  local ip, port, hostname = choose(try, true)
  if not ip then
    ngx.log(ngx.ERR, "failed to retry the dns/balancer resolver for '", try.host, "' with: ", tostring(port))
    return ngx.exit(503)
  end
  if data then
    note_try(try, data, data.try_count + 1, ip, port, hostname, since_ns)
  end
  return use(try, try.rec, ip, port, hostname)
end


return upstream
