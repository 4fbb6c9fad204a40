-- Makes the things that kong.runloop serves with: the globals, the entities, router, plugins iterator, balancer and
-- certificates. `open` runs once in the master; `rebuild` whenever kong.db has other content.
-- Must never run in the middle of a request.
local constants = require "kong.constants"
local state = require "kong.runloop.state"

local null = ngx.null

local builder = {}

-- Bits of the phases as C knows them (runtime/proxy/hooks.h).
local C_CERTIFICATE, C_REWRITE, C_HEADER_FILTER, C_BODY_FILTER, C_LOG = 0x4, 0x10, 0x100, 0x200, 0x400


-- All rows of an entity, as they are: they must not be changed.
local function list_of(name)
  local kind = kong.db.store[name]
  return kind and kind.list or {}
end


local function open_declarative(conf)
  local path = conf.declarative_config
  local text = conf.declarative_config_string
  if not path and not text then
    return true
  end
  local declarative = require "kong.db.declarative"
  local entities, err, _, meta, hash
  if path then
    entities, err, _, meta, hash = declarative.load_file(path)
  else
    entities, err, _, meta, hash = declarative.load_string(text)
  end
  if not entities then
    return nil, "error parsing declarative config file " .. tostring(path or "string") .. ":\n" .. tostring(err)
  end
  return declarative.apply(entities, meta, hash)
end


-- Opens the database of this configuration and loads the plugins' code.
function builder.open(conf)
  _G.kong = require("kong.pdk").new(conf)
  local err
  kong.db, err = require("kong.db").new(conf)
  if not kong.db then
    return nil, err
  end
  state.plugins, err = require("kong.db.plugins").load(conf, kong.db)
  if not state.plugins then
    return nil, err
  end
  kong.dns = require "kong.dns"
  kong.dns.init(conf)
  state.conf = conf
  state.has_pool = conf.upstream_keepalive_pool_size ~= 0
  if conf.role == "data_plane" then
    return true
  end
  return open_declarative(conf)
end


local function router_entries()
  local routes, services = list_of("routes"), list_of("services")
  local by_id = {}
  for i = 1, #services do
    by_id[services[i].id] = services[i]
  end
  local entries = {}
  for i = 1, #routes do
    local route = routes[i]
    local reference = route.service
    entries[i] = { route = route, service = reference and reference ~= null and by_id[reference.id] or nil }
  end
  return entries
end


local function build_router()
  local flavor = state.conf.router_flavor or "traditional_compatible"
  return require("kong.router").new(router_entries(), { flavor = flavor, subsystem = "http" })
end


local function build_iterator()
  local entities = list_of("plugins")
  local loggers = {}
  local function new_log(name)
    loggers[name] = loggers[name] or kong.log.new(name)
    return loggers[name]
  end
  return require("kong.runloop.plugins_iterator").new(state.plugins, entities, "http", new_log)
end


-- Phases that C enters even for requests that never reached their route.
local function hook_phases(iterator)
  local globals = iterator.globals
  local mask = C_CERTIFICATE
  mask = mask + (globals.rewrite and C_REWRITE or 0)
  mask = mask + (globals.header_filter and C_HEADER_FILTER or 0)
  mask = mask + (globals.body_filter and C_BODY_FILTER or 0)
  mask = mask + (globals.log and C_LOG or 0)
  require("ngx.proxy").hooked_phases(mask)
end


-- Replaces what requests are served with by what kong.db holds now.
function builder.rebuild()
  local router, err = build_router()
  if not router then
    return nil, "could not create router: " .. tostring(err)
  end
  local iterator
  iterator, err = build_iterator()
  if not iterator then
    return nil, "could not create plugins iterator: " .. tostring(err)
  end
  local balancer = require "kong.balancer"
  balancer.configure(list_of("upstreams"), list_of("targets"))
  state.router = router
  state.iterator = iterator
  state.records = {}
  state.version = state.version + 1
  state.find_upstream = balancer.find
  state.record_opts = {
    flavor = router.flavor,
    has_pool = state.has_pool,
    plugins = iterator,
    find_upstream = balancer.find,
    workspace = constants.DECLARATIVE_DEFAULT_WORKSPACE_ID,
  }
  require("kong.runloop.certificate").reset()
  hook_phases(iterator)
  return true
end


function builder.start_worker()
  require("kong.balancer").start_worker()
end


function builder.stop_worker()
  require("kong.balancer").stop_worker()
end


return builder
