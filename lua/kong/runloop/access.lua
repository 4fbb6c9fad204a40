-- The access phase: finds the route, applies its protocol rules, runs the plugins, chooses the upstream.
-- Called by kong.runloop. A request that no plugin looks at gets by without ngx.ctx: everything it needs is in its
-- route's record. Must never build strings or tables on that path beyond the upstream path itself.
local context = require "kong.runloop.context"
local ffi = require "ffi"
local proxy = require "ngx.proxy"
local path_of = require("kong.router.path").upstream_path
local record = require "kong.runloop.record"
local state = require "kong.runloop.state"
local timing = require "kong.runloop.timing"
local uri = require "kong.tools.uri"
local upstream = require "kong.runloop.upstream"

local apply = proxy.apply
local cast = ffi.cast
local escape = uri.escape
local get_field = require("ngx.fields").get
local fill = context.fill
local listen_port = proxy.listen_port
local match_input = proxy.match_input
local new_record = record.new
local null = ngx.null
local set_upstream = proxy.set_upstream
local sub = string.sub
local tonumber = tonumber
local type = type
local want_phases = upstream.want_phases

local access = {}

local u8 = ffi.typeof("const uint8_t *")

local OF_REQUEST = 0
local PHASE_ACCESS = 0x20
local HTTPS_BODY = "Please use HTTPS protocol"


-- A header of the request for the router: nil, a string, or an array when it came more than once.
local function get_header(name)
  return get_field(OF_REQUEST, name)
end


-- All query arguments: strings, or arrays of them; arguments without a value are "".
local function get_queries()
  local args = ngx.req.get_uri_args(0)
  for name, value in pairs(args) do
    if value == true then
      args[name] = ""
    elseif type(value) == "table" then
      for i = 1, #value do
        if value[i] == true then
          value[i] = ""
        end
      end
    end
  end
  return args
end


local function record_of(match)
  local found = match.record
  if found then
    return found
  end
  local records = state.records
  found = records[match.route]
  if not found then
    found = new_record(match.route, match.service, state.record_opts)
    records[match.route] = found
  end
  match.record = found
  return found
end


-- The match for the running request, or nil. Strings are made only of what some route asks for.
local function find_match()
  local bytes, len, is_tls = match_input()
  local router = state.router
  len = tonumber(len)
  bytes = cast(u8, bytes)
  local scheme, sni = "http", nil
  if is_tls then
    scheme, sni = "https", proxy.match_sni()
  end
  local method = router.wants_method and proxy.match_method() or nil
  local host = router.wants_host and proxy.match_host() or nil
  local port = router.wants_port and listen_port() or nil
  if not router.wants_addresses then
    return router:select_bytes(bytes, len, method, host, scheme, sni, nil, nil, nil, port, get_header, get_queries)
  end
  local var = ngx.var
  return router:select_bytes(bytes, len, method, host, scheme, sni, var.remote_addr, tonumber(var.remote_port), var.server_addr,
                             port, get_header, get_queries)
end


-- Ctx of a request that ends before its plugins ran.
local function error_ctx(rec, match)
  local ctx = ngx.ctx
  ctx.KONG_PHASE = PHASE_ACCESS
  if rec then
    fill(ctx, match, rec)
  end
  return ctx
end


local function has_grpc_content_type()
  local value = ngx.var.http_content_type
  return value ~= nil and sub(value, 1, 16) == "application/grpc"
end


local function refuse_grpc(rec)
  if not has_grpc_content_type() then
    return kong.response.error(415, "Non-gRPC request matched gRPC route")
  end
  if ngx.req.http_version() ~= 2 then
    return kong.response.error(426, "Please use HTTP2 protocol", { connection = "Upgrade", upgrade = "HTTP/2" })
  end
  if rec.is_grpcs_only and kong.request.get_forwarded_scheme() ~= "https" then
    return kong.response.exit(200, nil, {
      ["content-type"] = "application/grpc",
      ["grpc-status"] = 1,
      ["grpc-message"] = "gRPC request matched gRPCs route",
    })
  end
end


-- Routes for https or gRPC only. Answers and does not return when the request breaks a rule.
local function check_rules(rec, match)
  error_ctx(rec, match)
  if rec.https_status and kong.request.get_forwarded_scheme() ~= "https" then
    if rec.https_status == 426 then
      return kong.response.error(426, HTTPS_BODY, { Connection = "Upgrade", Upgrade = "TLS/1.2, HTTP/1.1" })
    end
    local location = "https://" .. kong.request.get_forwarded_host() .. ngx.var.request_uri
    return kong.response.exit(rec.https_status, nil, { Location = location })
  end
  if rec.is_grpc then
    return refuse_grpc(rec)
  end
end


-- The upstream's path, prefix and Host, as far as the route decides them. Plugins may change them afterwards.
local function route_upstream(rec, match)
  apply(rec.native, match.prefix)
  if rec.version == "v1" then
    local target = path_of(rec.base_path, match.prefix, proxy.match_path(), rec.strip, rec.version)
    set_upstream(rec.is_tls, nil, escape(target), nil)
  end
end


-- The plan after a handler made another consumer known.
local function switch_plan(ctx, plan, entry, consumer)
  local switched = state.iterator:switch(plan, entry.ordinal, consumer and consumer ~= null and consumer.id or nil)
  if switched ~= plan then
    ctx.plugins_plan = switched
    want_phases(switched, ctx)
  end
  return switched
end


-- Runs the i-th access handler. Returns the plan to go on with, nil after the last one.
local function step(ctx, plan, i, is_timed)
  local list = plan.access
  local entry = list and list[i]
  if not entry then
    return nil
  end
  local consumer = ctx.authenticated_consumer
  ctx.plugin_id = entry.id
  ctx.plugin_handler = entry.handler
  ctx.KONG_LOG = entry.log_facility
  -- Stays when the handler ends the request itself: plugins after it take no part then.
  ctx.access_entry = entry
  local ok, err
  if is_timed then
    ok, err = timing.call(ctx, entry, "access")
  else
    ok, err = pcall(entry.access, entry.handler, entry.conf)
  end
  if not ok then
    ctx.KONG_LOG = nil
    access.plugin_failed(ctx, entry, "access", err)
  end
  local now = ctx.authenticated_consumer
  if now ~= consumer then
    return switch_plan(ctx, plan, entry, now)
  end
  return plan
end


-- Runs the access handlers. `ctx.plugins_plan` is the plan the later phases go by. The first calls are written out for the
-- reason that kong.runloop.walk names.
local function run_plugins(ctx, plan)
  local is_timed = timing.is_wanted(ctx)
  plan = step(ctx, plan, 1, is_timed)
  plan = plan and step(ctx, plan, 2, is_timed)
  plan = plan and step(ctx, plan, 3, is_timed)
  plan = plan and step(ctx, plan, 4, is_timed)
  plan = plan and step(ctx, plan, 5, is_timed)
  plan = plan and step(ctx, plan, 6, is_timed)
  plan = plan and step(ctx, plan, 7, is_timed)
  plan = plan and step(ctx, plan, 8, is_timed)
  local i = 9
  while plan do
    plan = step(ctx, plan, i, is_timed)
    i = i + 1
  end
end


-- A plugin's error costs its request and nothing else. Outside of access the page is the one for errors of the server.
function access.plugin_failed(ctx, entry, phase, err)
  kong.log.err("plugin '", entry.name, "' failed in phase ", phase, ", request_id: ", ngx.var.kong_request_id or "", ": ",
               tostring(err))
  ctx.KONG_UNEXPECTED = true
  if phase ~= "access" then
    return ngx.exit(500)
  end
  return kong.response.error(500)
end


local function with_plugins(rec, match)
  local ctx = fill(ngx.ctx, match, rec)
  local plan = rec.plan
  local debug = state.allows_debug and ngx.var.http_kong_debug
  if debug then
    ctx.wants_debug = true
    if debug == "timing" then
      timing.start(ctx)
    end
  end
  want_phases(plan, ctx)
  route_upstream(rec, match)
  if plan.access then
    run_plugins(ctx, plan)
    ctx.access_entry, ctx.plugin_id, ctx.plugin_handler, ctx.KONG_LOG = nil, nil, nil, nil
  end
  if ctx.delayed_response then
    return access.flush(ctx)
  end
  if not rec.service then
    return kong.response.error(503, "no Service found with those values")
  end
  if ctx.buffered_proxying then
    want_phases(ctx.plugins_plan, ctx)
  end
  return upstream.run(ctx, rec, match)
end


-- A response that a plugin left for the end of the access phase.
function access.flush(ctx)
  local callback = ctx.delayed_response_callback
  ctx.delay_response = nil
  if type(callback) == "function" then
    return callback(ctx)
  end
  local delayed = ctx.delayed_response
  return kong.response.exit(delayed.status_code, delayed.content, delayed.headers)
end


-- The match, with spans.
local function find_match_traced(tracing)
  local ctx = ngx.ctx
  ctx.KONG_PHASE = PHASE_ACCESS
  tracing.start(ctx)
  return tracing.find_route(find_match)
end


function access.run()
  if state.has_failed_worker then
    ngx.log(ngx.ALERT, "served by a worker in which a plugin's init_worker handler failed; this node must be restarted")
  end
  local tracing = state.instrumentation
  local match = tracing and find_match_traced(tracing) or not tracing and find_match()
  if not match then
    error_ctx()
    return kong.response.error(404, "no Route matched with those values")
  end
  local rec = record_of(match)
  if rec.has_rules then
    check_rules(rec, match)
  end
  local plan = rec.plan
  if #plan.all > 0 or state.allows_debug then
    return with_plugins(rec, match)
  end
  if not rec.service then
    error_ctx(rec, match)
    return kong.response.error(503, "no Service found with those values")
  end
  route_upstream(rec, match)
  if rec.is_direct then
    return upstream.run_direct(rec)
  end
  return upstream.run(nil, rec, match)
end


-- After a response that ended the access phase early: nothing is left to do but to send it.
function access.resume()
  local ctx = ngx.ctx
  if ctx.delayed_response then
    return access.flush(ctx)
  end
end


return access
