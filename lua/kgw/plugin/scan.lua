-- Follows the code of a plugin from its phase handlers through its functions and helper modules and tells what is called
-- where it may not be. Works on what kgw.plugin.parser found in the texts; nothing of the plugin is run.
-- A unit is what the parser gives for a file, with `path` and `module`.
local rules = require "kgw.plugin.rules"

local fmt = string.format

local Scan = {}
Scan.__index = Scan

local scan = {}

local DEPTH_MAX = 40
local ANY_BELOW = { ["ngx.var"] = true, ["ngx.ctx"] = true, ["ngx.shared"] = true, ["ngx.header"] = true, ["ngx.arg"] = true,
                    ["ngx.status"] = true, ["ngx.headers_sent"] = true }


function Scan:report(unit, line, level, text, hint)
  local key = unit.path .. ":" .. line .. ":" .. text
  if not self.told[key] then
    self.told[key] = true
    self.out[#self.out + 1] = { path = unit.path, line = line, level = level, text = text, hint = hint }
  end
end


local function step(self, found, key, depth)
  if found.path then
    return { path = found.path .. "." .. tostring(key) }
  end
  if found.holder then
    local value = found.holder.fields[key]
    if value then
      return self:resolve(found.unit, value, depth + 1)
    end
    return found.target and { result_of = found.target, key = key } or nil
  end
  if found.module then
    return { module = found.module, key = key }
  end
end


-- What a call stands for: setmetatable gives its first argument, others something new that is filled later.
local function resolve_call(self, unit, value, depth)
  local target = self:resolve(unit, value.target, depth + 1)
  if target and target.path == "setmetatable" and value.args[1] then
    return self:resolve(unit, value.args[1], depth + 1)
  end
  return { holder = value, unit = unit, target = target }
end


--- What a value stands for: { path = "kong.request.get_path" } from a global on, { fn, unit }, { holder = table, unit },
-- { module, key } of a module that is not the plugin's, { result_of = one of these }; nil when it cannot be told.
function Scan:resolve(unit, value, depth)
  depth = depth or 0
  if depth > DEPTH_MAX or not value then
    return nil
  end
  local kind = value.kind
  if kind == "fn" then
    return { fn = value.fn, unit = unit }
  elseif kind == "table" then
    return { holder = value, unit = unit }
  elseif kind == "call" then
    return resolve_call(self, unit, value, depth)
  elseif kind == "require" then
    local other = self.units[value.name]
    if other then
      return other.result and self:resolve(other, other.result, depth + 1)
    end
    return { module = value.name }
  elseif kind ~= "path" then
    return nil
  end
  local base, found = value.base, nil
  if type(base) == "string" then
    found = { path = base }
  elseif base.kind then
    found = self:resolve(unit, base, depth + 1)
  elseif base.writes == 1 then
    found = self:resolve(unit, base.value, depth + 1)
  end
  for i = 1, #value.keys do
    if not found then
      return nil
    end
    found = step(self, found, value.keys[i], depth)
  end
  return found
end


local function list_of(item)
  return table.concat(item.phases, ", ")
end


-- Where else a function that needs a request could be called.
local function hint_for(phase, item)
  if phase == "timer" then
    return "read it before the timer is made and hand it to the timer as an argument"
  elseif phase == "init" then
    return "call it inside of a phase handler"
  elseif phase == "init_worker" or phase == "configure" then
    return "there is no request yet: call it in " .. list_of(item)
  end
  return "call it in " .. list_of(item) .. " and keep what you need in kong.ctx.plugin"
end


-- The phase as the PDK and the ngx API name it.
local function named(phase)
  return phase == "configure" and "init_worker" or phase
end


function Scan:check_kong(unit, use, path, phase)
  local known = self.pdk
  local item = known[path]
  if item then
    if use.how == "call" and item.set and phase ~= "preread" and not item.set[named(phase)] then
      local where = phase == "timer" and "a timer" or phase == "init" and "the top level of a file" or phase
      self:report(unit, use.line, "error", fmt("%s cannot be called in %s (only in: %s)", path, where, list_of(item)),
                  hint_for(phase, item))
    end
    return
  end
  local first = path:match("^kong%.([^.]+)")
  if not first or self.namespaces[path] then
    return
  end
  local at = path
  while at ~= "kong" do
    if rules.REMOVED[at] then
      return self:report(unit, use.line, "error", fmt("there is no %s", at), "use " .. rules.REMOVED[at])
    elseif known[at] then
      return
    end
    at = at:match("^(.*)%.[^.]+$")
  end
  if self.is_open(first) then
    return
  end
  local near = rules.nearest(path, known)
  self:report(unit, use.line, "error", "there is no " .. path,
              near and "did you mean " .. near .. "?" or "see the list in docs/plugin-api.md")
end


local function live(path)
  local value = _G
  for key in path:gmatch("[^.]+") do
    if type(value) ~= "table" then
      return nil
    end
    value = rawget(value, key)
  end
  return value
end


function Scan:check_ngx(unit, use, path, phase)
  local item = self.ngx[path]
  if item then
    local asked = named(phase)
    if use.how == "call" and item.set and asked ~= "init" and asked ~= "preread" and not item.set[asked] then
      local hint = rules.UNYIELDABLE[asked] and "do it in access, or in a timer: ngx.timer.at(0, function(premature, ...) ... end, ...)"
      self:report(unit, use.line, "error", fmt("%s cannot be called in %s (only in: %s)", path, phase, list_of(item)),
                  hint or hint_for(phase, item))
    end
    return
  end
  local parent = path
  repeat
    if ANY_BELOW[parent] then
      return
    end
    parent = parent:match("^(.*)%.[^.]+$")
  until not parent
  local holder = path:match("^(.*)%.[^.]+$")
  if live(path) == nil and holder and type(live(holder)) == "table" then
    local near = rules.nearest(path, self.ngx)
    self:report(unit, use.line, "error", "there is no " .. path, near and "did you mean " .. near .. "?")
  end
end


-- A use whose value begins with a global.
function Scan:check_path(unit, use, path, phase)
  local root = path:match("^[^.]+")
  if root == "kong" then
    self:check_kong(unit, use, path, phase)
  elseif root == "ngx" then
    self:check_ngx(unit, use, path, phase)
  elseif rules.BLOCKING[path] then
    if phase ~= "init" and use.how == "call" then
      self:report(unit, use.line, "warning", path .. " stops the whole worker while it runs", rules.BLOCKING[path])
    end
  elseif rawget(_G, root) == nil and not unit.written[root] then
    self:report(unit, use.line, "error", fmt("the global '%s' is read, but nothing sets it", root),
                "declare it with local, or correct the name")
  end
end


-- A call into a module that is not the plugin's.
function Scan:check_module(unit, use, found, phase)
  if use.how ~= "call" or not rules.UNYIELDABLE[phase] then
    return
  end
  if rules.NETWORK_MODULES[found.module] and (found.key == "new" or found.key == "connect") then
    self:report(unit, use.line, "error", fmt("%s waits for the network, which %s cannot", found.module, phase),
                "do it in access, or in a timer: ngx.timer.at(0, function(premature, ...) ... end, ...)")
  end
end


-- Functions among the arguments of a call: they run where the call runs, or later when it makes a timer.
function Scan:follow_arguments(unit, use, found, phase)
  local path = found and found.path
  local is_later = path and rules.LATER[path] or found and found.module and rules.LATER[found.module .. "." .. tostring(found.key)]
  if phase == "init" and not is_later and path ~= "pcall" and path ~= "xpcall" then
    return
  end
  for _, argument in ipairs(use.args or {}) do
    local target = self:resolve(unit, argument)
    if target and target.fn then
      self:follow(target.unit, target.fn, is_later and "timer" or phase)
    end
  end
end


--- Everything a function does when it runs in this phase.
function Scan:follow(unit, fn, phase)
  local seen = self.seen[fn]
  if not seen then
    seen = {}
    self.seen[fn] = seen
  end
  if seen[phase] then
    return
  end
  seen[phase] = true
  for _, use in ipairs(fn.uses) do
    local found = self:resolve(unit, use.value)
    if found and found.path then
      self:check_path(unit, use, found.path, phase)
    elseif found and found.module then
      self:check_module(unit, use, found, phase)
    elseif found and found.fn and use.how == "call" then
      self:follow(found.unit, found.fn, phase)
    end
    if use.how == "call" then
      self:follow_arguments(unit, use, found, phase)
    end
  end
end


-- Functions inside of others that nobody was seen to call run, as far as one can tell, where the outer one runs.
function Scan:follow_inner(unit)
  for _, fn in ipairs(unit.functions) do
    local parent = fn.parent
    local phases = parent and not parent.is_main and not self.seen[fn] and self.seen[parent]
    for phase in pairs(phases or {}) do
      self:follow(unit, fn, phase)
    end
  end
end


local function check_requires(self, unit)
  for _, required in ipairs(unit.requires) do
    local name = required.name
    if rules.REMOVED_MODULES[name] then
      self:report(unit, required.line, "error", "the module " .. name .. " is gone", rules.REMOVED_MODULES[name])
    elseif rules.OLD_MODULES[name] then
      self:report(unit, required.line, "warning", "the module " .. name .. " is deprecated", rules.OLD_MODULES[name])
    elseif rules.BLOCKING_MODULES[name] then
      self:report(unit, required.line, "warning", "the module " .. name .. " stops the whole worker while it waits",
                  rules.BLOCKING_MODULES[name])
    end
  end
end


local function check_globals(self, unit)
  for _, global in ipairs(unit.globals) do
    if not global.keys then
      self:report(unit, global.line, global.is_inner and "error" or "warning", fmt("writes the global '%s', which all plugins and requests share", global.name),
                  "declare it with local; for what a request needs use kong.ctx.plugin")
    elseif rawget(_G, global.name) and global.name ~= "kong" and global.name ~= "ngx" then
      self:report(unit, global.line, "warning", fmt("changes %s.%s for all plugins", global.name, table.concat(global.keys, ".")))
    end
  end
end


local function is_called(units, name)
  for _, unit in pairs(units) do
    for _, fn in ipairs(unit.functions) do
      for _, use in ipairs(fn.uses) do
        if use.value.kind == "path" and use.value.keys[#use.value.keys] == name then
          return true
        end
      end
    end
  end
  return false
end


-- Functions of the handler that no phase is named after.
local function check_phase_names(self, unit, holder)
  for name, value in pairs(holder.fields) do
    local target = type(name) == "string" and not rules.PHASES[name] and name:sub(1, 1) ~= "_" and self:resolve(unit, value)
    if target and target.fn and not is_called(self.units, name) then
      local near = rules.nearest(name, rules.PHASES)
      local line = holder.lines[name] or target.fn.line
      if rules.NOT_PHASES[name] then
        self:report(unit, line, "error", fmt("'%s' is no phase: it is never called", name), rules.NOT_PHASES[name])
      else
        self:report(unit, line, near and "error" or "warning", fmt("'%s' is no phase: it is never called", name),
                    near and "did you mean " .. near .. "?" or "make it a local function, or remove it")
      end
    end
  end
end


local function new(units, api)
  local namespaces = { kong = true }
  for path in pairs(api.pdk) do
    local parent = path:match("^(.*)%.[^.]+$")
    while parent do
      namespaces[parent] = true
      parent = parent:match("^(.*)%.[^.]+$")
    end
  end
  for _, unit in pairs(units) do
    unit.written = {}
    for _, global in ipairs(unit.globals) do
      unit.written[global.name] = true
    end
  end
  return setmetatable({
    units = units, pdk = api.pdk, ngx = api.ngx, is_open = api.is_open, namespaces = namespaces, out = {}, told = {}, seen = {},
  }, Scan)
end


--- The table that a unit returns, as the parser saw it: { holder, unit }, or nil.
function scan.result(units, unit, api)
  local self = new(units, api)
  local found = unit.result and self:resolve(unit, unit.result)
  return found and found.holder and found or nil
end


--- units: module name -> unit, all files of a plugin. handler: the unit of its handler, or nil.
-- api: { pdk, ngx, is_open } of kgw.plugin.api. Array of { path, line, level = "error"|"warning", text, hint }.
function scan.run(units, handler, api)
  local self = new(units, api)
  for _, unit in pairs(units) do
    check_requires(self, unit)
    check_globals(self, unit)
    self:follow(unit, unit.main, "init")
  end
  local found = handler and handler.result and self:resolve(handler, handler.result)
  if found and found.holder then
    check_phase_names(self, found.unit, found.holder)
    for name in pairs(rules.PHASES) do
      local target = found.holder.fields[name] and self:resolve(found.unit, found.holder.fields[name])
      if target and target.fn then
        self:follow(target.unit, target.fn, name)
      end
    end
  end
  for _ = 1, 3 do
    for _, unit in pairs(units) do
      self:follow_inner(unit)
    end
  end
  return self.out
end


return scan
