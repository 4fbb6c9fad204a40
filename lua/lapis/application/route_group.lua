-- require "lapis.application.route_group": routes and before filters as fields of an application, or of its class. The key of a route is
-- its path, or { name = path }; ordered_routes keeps the order.
local rawget = rawget
local type = type

local Group = {}


local function own_list(object, field)
  local list = rawget(object, field)
  if not list then
    list = {}
    object[field] = list
  end
  return list
end


--- add_route(object, [name], path, handler).
function Group.add_route(object, name, path, handler)
  if handler == nil then
    name, path, handler = nil, name, path
  end
  local key = name and { [name] = path } or path
  table.insert(own_list(object, "ordered_routes"), key)
  object[key] = handler
end


--- Adds a handler of one method (in upper case) to the route of a path; respond_to makes the handler of all methods.
function Group.add_route_verb(object, respond_to, method, name, path, handler)
  local responders = own_list(object, "responders")
  local known = responders[path]
  if known then
    assert(known.route_name == name, "a path that has other methods must have the same route name for all of them")
    known.respond_to[method] = handler
    return
  end
  responders[path] = { path = path, route_name = name, respond_to = { [method] = handler } }
  Group.add_route(object, name or path, name and path or respond_to(responders[path].respond_to), name and respond_to(responders[path].respond_to))
end


function Group.add_before_filter(object, fn)
  table.insert(own_list(object, "before_filters"), fn)
end


local function is_route(key)
  if type(key) == "table" then
    local name, path = next(key)
    return type(name) == "string" and type(path) == "string"
  end
  return type(key) == "string" and key:sub(1, 1) == "/"
end


--- Calls fn(key, handler) for each route; with_classes: also for those of the object's class and of the classes above.
function Group.each_route(object, with_classes, fn)
  local seen = {}
  for _, key in ipairs(rawget(object, "ordered_routes") or {}) do
    seen[key] = true
    fn(key, rawget(object, key))
  end
  for key, handler in pairs(object) do
    if not seen[key] and is_route(key) then
      fn(key, handler)
    end
  end
  local mt = with_classes and getmetatable(object)
  if mt and type(mt.__index) == "table" and mt.__index ~= object then
    Group.each_route(mt.__index, true, fn)
  end
end


return Group
