-- Which plugins run for a request, in which order, with which configuration. kong.runloop builds an iterator from the
-- plugin entities of one configuration version and throws it away with that version.
--
-- A "plan" is the list of plugins for one combination of route, service and consumer, split by phase into arrays. Plans
-- are made on first use and shared: ids that no plugin names do not take part in the key, so ten thousand routes
-- without plugins of their own share one plan. A consumer that is found in the middle of the access phase changes the
-- plan from the next plugin on: `switch` makes (once) a plan whose beginning is the old one's.
-- Must never look at request data.
local constants = require "kong.constants"
local guard = require "ngx.guard"

local null = ngx.null

local iterator = {}
local mt = { __index = iterator }

-- Plans kept before the cache starts anew; consumers are the only unbounded part of the key.
local PLANS_MAX = 20000
local SWITCHES_MAX = 2000

local PHASES = { "access", "response", "header_filter", "body_filter", "log", "rewrite", "certificate", "preread" }
local SUBSYSTEM = constants.PROTOCOLS_WITH_SUBSYSTEM
local DEFAULT_WORKSPACE = constants.DECLARATIVE_DEFAULT_WORKSPACE_ID


local function id_of(reference)
  if reference == nil or reference == null then
    return nil
  end
  return reference.id
end


-- Higher priority first; equal priorities by name, z before a. The same order in every phase.
local function runs_before(a, b)
  if a.priority ~= b.priority then
    return a.priority > b.priority
  end
  return a.name > b.name
end


local function serves(entity, subsystem)
  local protocols = entity.protocols
  if type(protocols) ~= "table" or #protocols == 0 then
    return true
  end
  for i = 1, #protocols do
    if SUBSYSTEM[protocols[i]] == subsystem then
      return true
    end
  end
  return false
end


-- The table a handler gets: the entity's config and what plugins may want to know of their scope.
local function make_conf(entity, seq)
  local conf = {}
  for key, value in pairs(entity.config or {}) do
    if value ~= null then
      conf[key] = value
    end
  end
  conf.route_id = id_of(entity.route)
  conf.service_id = id_of(entity.service)
  conf.consumer_id = id_of(entity.consumer)
  conf.plugin_instance_name = entity.instance_name ~= null and entity.instance_name or nil
  conf.__plugin_id = entity.id
  conf.__ws_id = entity.ws_id or DEFAULT_WORKSPACE
  conf.__key__ = "plugins:" .. entity.name .. ":" .. (conf.route_id or "") .. ":" .. (conf.service_id or "") .. ":" ..
                 (conf.consumer_id or "") .. "::" .. conf.__ws_id
  conf.__seq__ = seq
  return conf
end


local function scope_key(route_id, service_id, consumer_id)
  return (route_id or "") .. ":" .. (service_id or "") .. ":" .. (consumer_id or "")
end


-- One configured plugin, ready to run.
local function make_entry(entity, plugin, ordinal, seq, new_log)
  local handler = plugin.handler
  local conf = make_conf(entity, seq)
  return {
    name = plugin.name,
    handler = handler,
    conf = conf,
    id = entity.id,
    ordinal = ordinal,
    log_facility = new_log and new_log(plugin.name) or nil,
    access = handler.access,
    response = handler.response,
    header_filter = handler.header_filter,
    body_filter = handler.body_filter,
    log = handler.log,
    rewrite = handler.rewrite,
    certificate = handler.certificate,
    preread = handler.preread,
  }
end


-- `plugins` = array of { name, handler, priority }; `entities` = array of plugin entities; `new_log(name)` gives the
-- plugin's kong.log or is nil.
function iterator.new(plugins, entities, subsystem, new_log)
  local sorted = {}
  for i, plugin in ipairs(plugins) do
    sorted[i] = plugin
  end
  table.sort(sorted, runs_before)
  local ordinal_of = {}
  for i, plugin in ipairs(sorted) do
    ordinal_of[plugin.name] = i
  end

  local self = {
    sorted = sorted,
    by_name = {},     -- name -> scope key -> entry
    used = {},        -- ordinals of plugins with at least one entry, ascending
    configs = {},     -- name -> array of confs
    routes = {}, services = {}, consumers = {}, -- ids that plugins name
    plans = {},
    plan_cnt = 0,
  }
  for seq, entity in ipairs(entities) do
    local ordinal = ordinal_of[entity.name]
    if ordinal and entity.enabled ~= false and serves(entity, subsystem) then
      local entry = make_entry(entity, sorted[ordinal], ordinal, seq, new_log)
      local conf = entry.conf
      local scopes = self.by_name[entity.name]
      if not scopes then
        scopes = {}
        self.by_name[entity.name] = scopes
        self.configs[entity.name] = {}
        self.used[#self.used + 1] = ordinal
      end
      scopes[scope_key(conf.route_id, conf.service_id, conf.consumer_id)] = entry
      table.insert(self.configs[entity.name], conf)
      self.routes[conf.route_id or ""] = true
      self.services[conf.service_id or ""] = true
      self.consumers[conf.consumer_id or ""] = true
    end
  end
  table.sort(self.used)
  setmetatable(self, mt)
  self.globals = self:plan(nil, nil, nil)
  return self
end


-- The most specific entry of one plugin.
local function find_entry(scopes, route_id, service_id, consumer_id)
  return (route_id and service_id and consumer_id and scopes[scope_key(route_id, service_id, consumer_id)])
      or (route_id and consumer_id and scopes[scope_key(route_id, nil, consumer_id)])
      or (service_id and consumer_id and scopes[scope_key(nil, service_id, consumer_id)])
      or (route_id and service_id and scopes[scope_key(route_id, service_id, nil)])
      or (consumer_id and scopes[scope_key(nil, nil, consumer_id)])
      or (route_id and scopes[scope_key(route_id, nil, nil)])
      or (service_id and scopes[scope_key(nil, service_id, nil)])
      or scopes["::"]
end


-- A plan from its entries in order.
local function make_plan(entries, route_id, service_id, consumer_id)
  local plan = { all = entries, route_id = route_id, service_id = service_id, consumer_id = consumer_id,
                 switches = {}, switch_cnt = 0 }
  for i = 1, #PHASES do
    plan[PHASES[i]] = false
  end
  for i = 1, #entries do
    local entry = entries[i]
    for j = 1, #PHASES do
      local phase = PHASES[j]
      if entry[phase] then
        local list = plan[phase]
        if not list then
          list = {}
          plan[phase] = list
        end
        list[#list + 1] = entry
      end
    end
  end
  return plan
end


-- The plan for these ids (each may be nil).
function iterator:plan(route_id, service_id, consumer_id)
  route_id = self.routes[route_id] and route_id
  service_id = self.services[service_id] and service_id
  consumer_id = self.consumers[consumer_id] and consumer_id
  local key = scope_key(route_id, service_id, consumer_id)
  local plan = self.plans[key]
  if plan then
    return plan
  end

  local entries = {}
  for i = 1, #self.used do
    local plugin = self.sorted[self.used[i]]
    local entry = find_entry(self.by_name[plugin.name], route_id, service_id, consumer_id)
    if entry then
      entries[#entries + 1] = entry
    end
  end
  plan = make_plan(entries, route_id, service_id, consumer_id)
  if self.plan_cnt >= PLANS_MAX then
    self.plans, self.plan_cnt = {}, 0
  end
  self.plans[key] = plan
  self.plan_cnt = self.plan_cnt + 1
  return plan
end


-- The plan to go on with when a consumer (or nil) became known while the plugin with `ordinal` ran. Entries up to that
-- plugin stay what they are, so positions in the access list stay valid.
function iterator:switch(plan, ordinal, consumer_id)
  consumer_id = self.consumers[consumer_id] and consumer_id or nil
  if consumer_id == plan.consumer_id then
    return plan
  end
  if plan.switch_cnt >= SWITCHES_MAX then
    plan.switches, plan.switch_cnt = {}, 0
  end
  local by_ordinal = plan.switches[ordinal]
  if not by_ordinal then
    by_ordinal = {}
    plan.switches[ordinal] = by_ordinal
  end
  local found = by_ordinal[consumer_id or ""]
  if found then
    return found
  end

  local target = self:plan(plan.route_id, plan.service_id, consumer_id)
  local entries = {}
  for i = 1, #plan.all do
    if plan.all[i].ordinal <= ordinal then
      entries[#entries + 1] = plan.all[i]
    end
  end
  for i = 1, #target.all do
    if target.all[i].ordinal > ordinal then
      entries[#entries + 1] = target.all[i]
    end
  end
  found = make_plan(entries, plan.route_id, plan.service_id, consumer_id)
  by_ordinal[consumer_id or ""] = found
  plan.switch_cnt = plan.switch_cnt + 1
  return found
end


-- The plan without the plugins after `ordinal`.
function iterator.cut(plan, ordinal)
  local cuts = plan.cuts
  if not cuts then
    cuts = {}
    plan.cuts = cuts
  end
  local found = cuts[ordinal]
  if found then
    return found
  end
  local entries = {}
  for i = 1, #plan.all do
    if plan.all[i].ordinal <= ordinal then
      entries[#entries + 1] = plan.all[i]
    end
  end
  found = make_plan(entries, plan.route_id, plan.service_id, plan.consumer_id)
  cuts[ordinal] = found
  return found
end


-- Calls handler.configure of every loaded plugin with all its configurations, or nil when it has none.
function iterator:configure()
  for i = 1, #self.sorted do
    local plugin = self.sorted[i]
    local configure = plugin.handler.configure
    if configure then
      local ok, err = guard.call(configure, plugin.handler, self.configs[plugin.name])
      if not ok then
        ngx.log(ngx.ERR, "failed to execute the \"configure\" handler for plugin \"", plugin.name, "\": ", tostring(err))
      end
    end
  end
end


-- Runs init_worker of every loaded plugin, configured or not; an error concerns that plugin only.
function iterator:init_worker()
  local all_ok = true
  for i = 1, #self.sorted do
    local plugin = self.sorted[i]
    local fn = plugin.handler.init_worker
    if fn then
      local ok, err = guard.call(fn, plugin.handler)
      if not ok then
        all_ok = false
        ngx.log(ngx.CRIT, "worker initialization error: failed to execute the \"init_worker\" handler for plugin \"",
                plugin.name, "\": ", tostring(err), "; this node must be restarted")
      end
    end
  end
  return all_ok
end


return iterator
