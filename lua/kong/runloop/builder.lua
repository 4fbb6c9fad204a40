-- Makes the things that kong.runloop serves with: the globals, the entities, router, plugins iterator, balancer and
-- certificates. `open` runs once in the master; `rebuild` whenever kong.db has other content.
-- Must never run in the middle of a request.
local constants = require "kong.constants"
local global = require "kong.global"
local state = require "kong.runloop.state"

local null = ngx.null

local builder = {}

-- Bits of the phases as C knows them (runtime/proxy/hooks.h).
local C_CERTIFICATE, C_REWRITE, C_HEADER_FILTER, C_BODY_FILTER, C_LOG = 0x4, 0x10, 0x100, 0x200, 0x400


local function no_pause() end


-- All rows of an entity in a snapshot, as they are: they must not be changed.
local function list_of(store, name)
  local kind = store[name]
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
  require("kong.db.declarative.sync").reset()
  return declarative.apply(entities, meta, hash)
end


-- Text of a PEM property: a file's content, or the value itself.
local function pem_of(value)
  if not value or value:find("-----BEGIN", 1, true) then
    return value
  end
  local file = io.open(value, "r")
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return text
end


-- The certificate for upstreams that no service or upstream entity has one for.
local function open_client_certificate(conf)
  local cert, key = pem_of(conf.client_ssl and conf.client_ssl_cert), pem_of(conf.client_ssl and conf.client_ssl_cert_key)
  state.client_cert = cert and key and { cert = cert, key = key } or nil
end


-- Opens the database of this configuration and loads the plugins' code.
function builder.open(conf)
  _G.kong = require("kong.pdk").new(conf)
  require("kong.globalpatches").install()
  local ok, err = global.install(kong, conf)
  if not ok then
    return nil, err
  end
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
  open_client_certificate(conf)
  state.allows_debug = conf.allow_debug_header == true
  state.has_pool = conf.upstream_keepalive_pool_size ~= 0
  state.instrumentation = require("kong.observability.tracing.instrumentation").init(conf)
  if kong.db.writer then
    return kong.db.writer:load(kong.db)
  end
  local ok
  ok, err = open_declarative(conf)
  if ok and conf.role == "data_plane" then
    return require("kong.clustering.data_plane").load_at_start(conf)
  end
  return ok, err
end


local function router_entries(store, pause)
  local routes, services = list_of(store, "routes"), list_of(store, "services")
  local by_id = {}
  for i = 1, #services do
    by_id[services[i].id] = services[i]
  end
  local entries = {}
  for i = 1, #routes do
    local route = routes[i]
    local reference = route.service
    entries[i] = { route = route, service = reference and reference ~= null and by_id[reference.id] or nil }
    if i % 128 == 0 then
      pause()
    end
  end
  return entries
end


local function build_router(store, pause)
  local flavor = state.conf.router_flavor or "traditional_compatible"
  return require("kong.router").new(router_entries(store, pause), { flavor = flavor, subsystem = "http", pause = pause })
end


-- kind: the plugins of a snapshot.
local function build_iterator(kind)
  -- As readers get them: references of vaults resolved, old names of fields beside the new ones.
  local entities = {}
  local dao = kong.db.plugins
  for i, row in ipairs(kind.list) do
    entities[i] = dao:show_row(kind, row)
  end
  local loggers = {}
  local function new_log(name)
    loggers[name] = loggers[name] or kong.log.new(name)
    return loggers[name]
  end
  return require("kong.runloop.plugins_iterator").new(state.plugins, entities, "http", new_log)
end


-- Phases that C enters even for requests that never reached their route.
local function hook_phases(iterator, store)
  local globals = iterator.globals
  -- Without configured names every handshake gets the listener's certificate, which needs no Lua.
  local mask = (globals.certificate or #list_of(store, "snis") > 0) and C_CERTIFICATE or 0
  mask = mask + (globals.rewrite and C_REWRITE or 0)
  mask = mask + (globals.header_filter and C_HEADER_FILTER or 0)
  mask = mask + (globals.body_filter and C_BODY_FILTER or 0)
  mask = mask + (globals.log and C_LOG or 0)
  require("ngx.proxy").hooked_phases(mask)
end


-- Everything becomes current in one go: no request sees the new rows with the old router or the reverse.
local function swap(store, router, iterator, is_balancer_changed)
  local balancer = require "kong.balancer"
  kong.db.store = store
  if is_balancer_changed then
    balancer.configure(list_of(store, "upstreams"), list_of(store, "targets"))
  end
  if router == state.router then
    router:forget_matches()
  end
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
  hook_phases(iterator, store)
end


-- Replaces what requests are served with by what a snapshot holds (default: the current one). options:
-- store: a snapshot of kong.db.store.new, which becomes kong.db's;
-- pause: called between steps (ngx.pause); changed: set of "router", "plugins", "balancer", those that need to be built anew (nil: all).
-- true | nil, err; on an error nothing has changed.
function builder.rebuild(options)
  options = options or {}
  local store, changed = options.store or kong.db.store, options.changed
  local router, iterator = state.router, state.iterator
  local err
  if not router or not changed or changed.router then
    router, err = build_router(store, options.pause or no_pause)
    if not router then
      return nil, "could not create router: " .. tostring(err)
    end
  end
  if not iterator or not changed or changed.plugins then
    iterator, err = build_iterator(store.plugins)
    if not iterator then
      return nil, "could not create plugins iterator: " .. tostring(err)
    end
  end
  swap(store, router, iterator, not changed or changed.balancer)
  return true
end


local function by_entity(edits)
  local found = {}
  for _, edit in ipairs(edits) do
    found[edit.name] = edit
  end
  return found
end


-- What the router needs of the edits: routes that go, entries that come, services that other routes go on to refer to.
local function router_edits(edits)
  local added_services, replaced, entries = {}, {}, {}
  local services, routes = edits.services, edits.routes
  for _, service in ipairs(services and services.added or {}) do
    added_services[service.id] = service
  end
  for _, old in ipairs(services and services.removed or {}) do
    if added_services[old.id] then
      replaced[#replaced + 1] = { old = old, new = added_services[old.id] }
    end
  end
  for i, route in ipairs(routes and routes.added or {}) do
    local id = route.service and route.service.id
    entries[i] = { route = route, service = id and (added_services[id] or kong.db.store.services.by_id[id]) or nil }
  end
  return routes and routes.removed or {}, entries, replaced
end


-- Puts a few rows in the place of others, between two requests; nothing is built anew but what the rows themselves need. edits: of
-- kong.db.declarative.delta; plugins: the kind of plugins to be, when they change; make_store: called when nothing can fail any more,
-- returns the snapshot. true | false: it takes a rebuild | nil, err; nothing has changed but with true.
function builder.exchange(edits, plugins, make_store)
  local router, iterator = state.router, state.iterator
  if not router or not iterator then
    return false
  end
  edits = by_entity(edits)
  if edits.plugins then
    local err
    iterator, err = build_iterator(plugins)
    if not iterator then
      return nil, "could not create plugins iterator: " .. tostring(err)
    end
  end
  if (edits.routes or edits.services) and not router:change(router_edits(edits)) then
    return false
  end
  swap(make_store(), router, iterator, edits.upstreams or edits.targets)
  return true
end


-- A commit's changes (of kong.db.strategies.lmdb) as edits; of several changes of one row the last counts.
local function edits_of(changes)
  local edits, by_name, last = {}, {}, {}
  for i, change in ipairs(changes) do
    last[change.info.name .. ":" .. change.row[change.info.schema.primary_key[1]]] = i
  end
  for i, change in ipairs(changes) do
    local name = change.info.name
    local edit = by_name[name]
    if not edit then
      edit = { name = name, removed = {}, added = {} }
      by_name[name] = edit
      edits[#edits + 1] = edit
    end
    edit.removed[#edit.removed + 1] = change.old
    if not change.is_deletion and last[name .. ":" .. change.row[change.info.schema.primary_key[1]]] == i then
      edit.added[#edit.added + 1] = change.row
    end
  end
  return edits
end


-- The rows are there already.
local function take_over(changes)
  local runloop = require "kong.runloop"
  local done, err = runloop.exchange(edits_of(changes), kong.db.store.plugins, function()
    return kong.db.store
  end)
  if done == false then
    done, err = runloop.rebuild()
  end
  if not done then
    ngx.log(ngx.ERR, "cannot take over a change: ", err)
  end
end


-- The database of a node that has one: every change is taken over at once.
local function start_writer()
  local writer = kong.db.writer
  local ok, err = writer:start()
  if not ok then
    ngx.log(ngx.ALERT, "cannot open the database: ", err)
    return
  end
  if state.conf.role == "control_plane" then
    return require("kong.clustering.control_plane").start()
  end
  writer:on_change(take_over)
end


-- Puts secrets that changed into the configurations in use.
local function refresh_secrets()
  for _, list in pairs(state.iterator.configs) do
    for i = 1, #list do
      kong.vault.update(list[i])
    end
  end
end


function builder.start_worker()
  global.start_worker(kong)
  kong.vault._on_rotation(refresh_secrets)
  kong.vault.init_worker()
  require("kong.balancer").start_worker()
  if kong.db.writer then
    start_writer()
  end
  if state.conf.role == "data_plane" then
    require("kong.clustering.data_plane").start(state.conf)
  end
end


function builder.stop_worker()
  require("kong.balancer").stop_worker()
end


return builder
