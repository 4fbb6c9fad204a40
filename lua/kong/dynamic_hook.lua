-- Named hooks in groups that are switched on for a request or for good; code that offers a hook costs next to nothing while
-- its group is off.
local assert = assert
local ngx = ngx
local pcall = pcall
local type = type

local dynamic_hook = {}

-- group -> name -> handler; group -> true.
local handlers = {}
local enabled = {}


local function check(group, name)
  assert(type(group) == "string", "group_name must be a string")
  assert(name == nil or type(name) == "string", "hook_name must be a string")
end


local function request_groups()
  local phase = ngx.get_phase()
  if phase == "init" or phase == "init_worker" then
    return nil
  end
  local state = ngx.ctx.dynamic_hook
  return state and state.enabled_groups
end


-- Calls all functions of a list; errors are theirs alone.
local function call_all(list, group, kind, ...)
  for i = 1, list and #list or 0 do
    local ok, err = pcall(list[i], ...)
    if not ok then
      ngx.log(ngx.WARN, "failed to run ", kind, " hook of ", group, ": ", err)
    end
  end
end


local function after(lists, group, ...)
  call_all(lists.afters, group, "after", ...)
  return ...
end


-- Replaces parent[key] by a function that calls lists.befores and lists.afters around it while the group is on. max_args
-- ("varargs" or a number) is taken for compatibility.
function dynamic_hook.hook_function(group, parent, key, max_args, lists)
  check(group)
  assert(type(parent) == "table", "parent must be a table")
  assert(type(key) == "string", "function_key must be a string")
  assert(max_args == "varargs" or type(max_args) == "number", 'max_args must be a number or "varargs"')
  local original = parent[key]
  assert(type(original) == "function", "parent[" .. key .. "] must be a function")
  parent[key] = function(...)
    if not dynamic_hook.is_group_enabled(group) then
      return original(...)
    end
    call_all(lists.befores, group, "before", ...)
    return after(lists, group, original(...))
  end
end


function dynamic_hook.hook(group, name, handler)
  check(group, name)
  assert(type(handler) == "function", "handler must be a function")
  handlers[group] = handlers[group] or {}
  handlers[group][name] = handler
end


function dynamic_hook.is_group_enabled(group)
  check(group)
  if enabled[group] then
    return true
  end
  local groups = request_groups()
  return groups ~= nil and groups[group] == true
end


-- Calls the handler with the arguments if its group is on.
function dynamic_hook.run_hook(group, name, ...)
  local handler = handlers[group] and handlers[group][name]
  if not handler or not dynamic_hook.is_group_enabled(group) then
    return
  end
  local ok, err = pcall(handler, ...)
  if not ok then
    ngx.log(ngx.WARN, "failed to run dynamic hook ", group, ".", name, ": ", err)
  end
end


function dynamic_hook.enable_on_this_request(group, ctx)
  check(group)
  ctx = ctx or ngx.ctx
  local state = ctx.dynamic_hook
  if not state then
    state = { enabled_groups = {} }
    ctx.dynamic_hook = state
  end
  state.enabled_groups[group] = true
end


function dynamic_hook.enable_by_default(group)
  check(group)
  enabled[group] = true
end


return dynamic_hook
