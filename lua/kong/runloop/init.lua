-- The gateway's run loop: builds everything from the configuration (`init` in the master, `rebuild` when the declarative
-- configuration changes) and serves the phases that C enters through lua/kgw/entry.lua. Each phase function below only
-- hands over to the file that knows the phase.
-- Must never keep request data here.
local builder = require "kong.runloop.builder"
local state = require "kong.runloop.state"
local timing = require "kong.runloop.timing"

local runloop = {}

local PHASE_INIT_WORKER, PHASE_REWRITE = 0x1, 0x10

-- Loaded by `init`: they need the globals `kong` and `ngx`.
local access, certificate, errors, filters, upstream


local function load_phases()
  access = require "kong.runloop.access"
  certificate = require "kong.runloop.certificate"
  errors = require "kong.runloop.errors"
  filters = require "kong.runloop.filters"
  upstream = require "kong.runloop.upstream"
end


-- Builds the gateway from its settings (kong.conf). Returns true, or nil and a text for the operator.
function runloop.init(conf)
  local ok, err = builder.open(conf)
  if not ok then
    return nil, err
  end
  ok, err = builder.rebuild()
  if not ok then
    return nil, err
  end
  load_phases()
  return true
end


-- Takes over what kong.db (or options.store) holds now. Returns true | nil, err; on an error the old configuration stays
-- in use. options: of builder.rebuild.
function runloop.rebuild(options)
  local ok, err = builder.rebuild(options)
  if not ok then
    return nil, err
  end
  if state.is_worker then
    state.iterator:configure()
  end
  return true
end


-- The same for a few rows: of builder.exchange. A handler's configure is called when plugins changed.
function runloop.exchange(edits, plugins, make_store)
  local iterator = state.iterator
  local done, err = builder.exchange(edits, plugins, make_store)
  if done and state.is_worker and state.iterator ~= iterator then
    state.iterator:configure()
  end
  return done, err
end


function runloop.init_worker()
  state.is_worker = true
  local ctx = ngx.ctx
  ctx.KONG_PHASE = PHASE_INIT_WORKER
  builder.start_worker()
  state.has_failed_worker = not state.iterator:init_worker()
  require("kong.db.declarative.sync").start_worker()
  state.iterator:configure()
end


function runloop.exit_worker()
  return builder.stop_worker()
end


function runloop.rewrite()
  local list = state.iterator.globals.rewrite
  if not list then
    return
  end
  local ctx = ngx.ctx
  ctx.KONG_PHASE = PHASE_REWRITE
  ctx.KONG_PROCESSING_START = ngx.req.start_time() * 1000
  local tracing = state.instrumentation
  if tracing then
    tracing.start(ctx)
  end
  for i = 1, #list do
    local entry = list[i]
    ctx.plugin_id = entry.id
    ctx.plugin_handler = entry.handler
    ctx.KONG_LOG = entry.log_facility
    local ok, err
    if tracing then
      ok, err = timing.call(ctx, entry, "rewrite")
    else
      ok, err = pcall(entry.rewrite, entry.handler, entry.conf)
    end
    ctx.plugin_id, ctx.plugin_handler, ctx.KONG_LOG = nil, nil, nil
    if not ok then
      return access.plugin_failed(ctx, entry, "rewrite", err)
    end
  end
end


function runloop.access()
  return access.run()
end


function runloop.access_resume()
  return access.resume()
end


function runloop.balancer()
  return upstream.retry()
end


function runloop.response()
  return filters.response()
end


function runloop.header_filter()
  return filters.header_filter()
end


function runloop.body_filter()
  return filters.body_filter()
end


function runloop.log()
  return filters.log()
end


function runloop.certificate()
  return certificate.run()
end


-- Page for an error that C found: a bad request, a dead upstream, a body that is too large.
function runloop.error_page(status)
  return errors.page(status)
end


-- Requests on the Admin API's and the Status API's listeners.
function runloop.content(kind)
  if kind == 2 then
    return require("kong.status").handle()
  elseif kind == 3 then
    return require("kong.clustering.control_plane").serve()
  end
  return require("kong.api").handle()
end


return runloop
