-- /, /endpoints, /plugins/enabled, /cache, /tags, /debug, /clustering: the Admin API's paths about the node.
-- Used by kong.api. Must never show a secret of the configuration.
local constants = require "kong.constants"
local entities = require "kong.api.entities"
local errlog = require "ngx.errlog"
local rows = require "kong.api.rows"
local workers = require "kong.api.workers"

local ipairs = ipairs
local pcall = pcall
local sort = table.sort
local tonumber = tonumber
local tostring = tostring
local type = type

local node = {}

local LEVELS = constants.LOG_LEVELS

local function plugins_of(db)
  local available = {}
  for _, plugin in ipairs(db.loaded_plugins or {}) do
    local handler = plugin.handler
    available[plugin.name] = {
      version = type(handler) == "table" and handler.VERSION or nil,
      priority = plugin.priority,
    }
  end
  local names, seen = {}, {}
  for _, row in ipairs(db.store.plugins.sorted) do
    if not seen[row.name] then
      seen[row.name] = true
      names[#names + 1] = row.name
    end
  end
  return { available_on_server = available, enabled_in_cluster = rows.array(names) }
end


local function public_configuration()
  return require("kong.conf").public()
end


local function master_pid()
  local ffi = require "ffi"
  pcall(ffi.cdef, "int getppid(void);")
  return ffi.C.getppid()
end


local function hostname()
  local known = kong.node and kong.node.get_hostname
  return known and kong.node.get_hostname() or nil
end


local function root(_, db)
  return 200, {
    tagline = "Welcome to kong",
    version = require("kong.meta")._VERSION,
    edition = "community",
    hostname = hostname(),
    node_id = kong.node and kong.node.get_id and kong.node.get_id() or nil,
    lua_version = jit and jit.version or _VERSION,
    timers = { running = ngx.timer.running_count(), pending = ngx.timer.pending_count() },
    pids = { master = master_pid(), workers = rows.array(workers.pids()) },
    plugins = plugins_of(db),
    configuration = public_configuration(),
  }
end


local function enabled_plugins(_, db)
  local names = {}
  for _, plugin in ipairs(db.loaded_plugins or {}) do
    names[#names + 1] = plugin.name
  end
  sort(names)
  return 200, { enabled_plugins = rows.array(names) }
end


-- Caches ------------------------------------------------------------------------------------------------------------


local function cached(self)
  for _, name in ipairs { "cache", "core_cache" } do
    local cache = kong[name]
    if cache then
      local _, _, found = cache:probe(self.params.key)
      if found ~= nil then
        return 200, type(found) == "table" and found or { message = found }
      end
    end
  end
  return 404, { message = "Not found" }
end


local function forget(self)
  for _, name in ipairs { "cache", "core_cache" } do
    if kong[name] then
      kong[name]:invalidate(self.params.key)
    end
  end
  return 204
end


local function forget_all()
  for _, name in ipairs { "cache", "core_cache" } do
    if kong[name] then
      kong[name]:purge()
    end
  end
  return 204
end


-- Tags --------------------------------------------------------------------------------------------------------------


-- All (entity, id, tag) of the rows, in a fixed order.
local function tag_rows(db, wanted)
  local list = {}
  for _, info in ipairs(db.entities:sorted()) do
    local kind = db.store[info.name]
    for _, row in ipairs(kind and info.schema.fields.tags and kind.sorted or {}) do
      for _, tag in ipairs(row.tags or {}) do
        if not wanted or tag == wanted then
          list[#list + 1] = { entity_name = info.name, entity_id = row.id, tag = tag }
        end
      end
    end
  end
  return list
end


local function tags(self, db)
  local size, options, body = entities.page_options(db.daos.tags, { size = self.query.size })
  if not size then
    return options, body
  end
  local list = tag_rows(db, self.params.tags)
  local from = 0
  if self.query.offset then
    from = tonumber(ngx.decode_base64(self.query.offset) or "")
    if not from then
      return entities.failure(db.errors:invalid_offset(self.query.offset, "bad base64 encoding"))
    end
  end
  local data = {}
  for i = from + 1, math.min(#list, from + size) do
    data[#data + 1] = list[i]
  end
  local offset = from + size < #list and ngx.encode_base64(tostring(from + size)) or nil
  return 200, { data = rows.array(data), offset = offset, next = entities.next_url(self.path, offset, self.query) }
end


-- Log level ---------------------------------------------------------------------------------------------------------


local function level_name()
  return LEVELS[errlog.get_sys_filter_level()] or kong.configuration.log_level
end


local function set_level(self)
  if kong.configuration.database == "off" then
    return 405, { message = "cannot change log level when not using a database" }
  end
  local wanted = self.params.log_level
  local level = LEVELS[wanted]
  if type(level) ~= "number" then
    return 400, { message = "unknown log level: " .. tostring(wanted) }
  elseif level == errlog.get_sys_filter_level() then
    return 200, { message = "log level is already " .. wanted }
  end
  workers.set_log_level(level)
  return 200, { message = "log level changed" }
end



function node.register(router)
  router:add("/", { GET = root })
  router:add("/endpoints", { GET = function()
    return 200, { data = router:endpoints() }
  end })
  router:add("/plugins/enabled", { GET = enabled_plugins })
  router:add("/cache", { DELETE = forget_all })
  router:add("/cache/:key", { GET = cached, DELETE = forget })
  router:add("/tags", { GET = tags })
  router:add("/tags/:tags", { GET = tags })
  router:add("/debug/node/log-level", { GET = function()
    return 200, { message = "log level: " .. level_name() }
  end })
  router:add("/debug/node/log-level/:log_level", { PUT = set_level })
  router:add("/debug/cluster/log-level/:log_level", { PUT = set_level })
  local function no_filters()
    return 400, { message = "this endpoint is only available when wasm is enabled" }
  end
  local no_method = { GET = no_filters, POST = no_filters, PUT = no_filters, PATCH = no_filters, DELETE = no_filters }
  for _, name in ipairs { "all", "enabled", "disabled" } do
    router:add("/routes/:routes/filters/" .. name, { GET = no_filters })
  end
  for _, base in ipairs { "", "/services/:services", "/routes/:routes" } do
    for _, path in ipairs { "/filter-chains", "/filter-chains/:filter_chains" } do
      router:add(base .. path, no_method)
    end
  end
  router:add("/filter-chains/:filter_chains/route", no_method)
  router:add("/filter-chains/:filter_chains/service", no_method)
end


return node
