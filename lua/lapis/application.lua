-- require "lapis.application": applications, that is routes with actions. An action gets the request as self (lapis.request) and returns
-- what to write: a text, or a table with status, json, headers, redirect_to, render, layout, content_type.
-- Not there: the HTML builder and widgets, models and migrations, flows, sessions, CSRF tokens, settings (lapis.config).
local class = require("lapis.lua").class
local group = require "lapis.application.route_group"
local Router = require("lapis.router").Router

local coroutine = coroutine
local match = string.match
local type = type
local unpack = unpack

local Lapis = { Request = require "lapis.request" }
local support = Lapis.Request.support
local Application


-- Did the filter write something, which ends the action?
local function is_answered_by(filter, request)
  local is_written = false
  request.write = function(...)
    is_written = true
    return Lapis.Request.__base.write(...)
  end
  filter(request)
  request.write = nil
  return is_written
end


local function is_answered(filters, request)
  for _, filter in ipairs(filters or {}) do
    if is_answered_by(filter, request) then
      return true
    end
  end
  return false
end


-- true and names stand for modules below the prefix.
local function load_action(prefix, action, route_name)
  if action == true then
    action = assert(route_name, "Attempted to load action `true` for route with no name, a name must be provided to require the action")
  end
  if type(action) == "string" then
    action = require(prefix .. "." .. action)
  end
  local mt = type(action) == "table" and getmetatable(action)
  assert(type(action) == "function" or mt and mt.__call, "Loaded an action that is the wrong type. Actions must be a function or callable table")
  return action
end


local function wrap_action(action)
  if type(action) == "function" then
    return action
  end
  return function(self)
    action = load_action(self.app.actions_prefix, action, self.route_name)
    return action(self)
  end
end


-- Where routes of a class, an instance or a plain table are.
local function group_of(object)
  assert(object ~= Application, "lapis.Application is not able to be modified with routes. You must either subclass or instantiate it")
  if rawget(object, "__base") then
    return object.__base
  end
  object.router = nil
  return object
end


local default_error_response = function() return { render = true } end


--- An action whose yield_error, assert_error and assert_valid call error_response(self) with the messages in self.errors; also as
--- capture_errors({ action, on_error = error_response }).
function Lapis.capture_errors(fn, error_response)
  if type(fn) == "table" then
    fn, error_response = fn[1], fn.on_error or error_response
  end
  error_response = error_response or default_error_response
  return function(self, ...)
    local thread = coroutine.create(fn)
    local out = { coroutine.resume(thread, self, ...) }
    while out[1] and coroutine.status(thread) == "suspended" do
      if out[2] == "error" then
        self.errors = out[3]
        return error_response(self)
      end
      out = { coroutine.resume(thread, coroutine.yield(unpack(out, 2, table.maxn(out)))) }
    end
    if not out[1] then
      error(type(out[2]) == "string" and debug.traceback(thread, out[2]) or out[2], 0)
    end
    return unpack(out, 2, table.maxn(out))
  end
end


--- capture_errors that answers with JSON: {"errors": [...]}.
function Lapis.capture_errors_json(fn)
  return Lapis.capture_errors(fn, function(self)
    return { json = { errors = self.errors } }
  end)
end


function Lapis.yield_error(message)
  coroutine.yield("error", { message or "unknown error" })
end


--- assert whose message goes to the capture_errors around it.
function Lapis.assert_error(thing, message, ...)
  if not thing then
    Lapis.yield_error(message)
  end
  return assert(thing, message, ...)
end


--- An action by method: { GET = fn, POST = fn, before = fn, on_error = fn, on_invalid_method = fn }.
function Lapis.respond_to(methods)
  if methods.HEAD == nil then
    methods.HEAD = function() return { layout = false } end
  end
  local function action(self)
    local fn = methods[self.req.method]
    if not fn then
      fn = methods.on_invalid_method or error("don't know how to respond to " .. self.req.method)
    elseif methods.before and is_answered_by(methods.before, self) then
      return
    end
    return fn(self)
  end
  return methods.on_error and Lapis.capture_errors(action, methods.on_error) or action
end


--- An action whose parameters may come as a JSON object.
function Lapis.json_params(fn)
  return function(self, ...)
    local kind = self.req.headers["content-type"]
    if type(kind) == "string" and kind:lower():find("application/json", 1, true) then
      local value = require("cjson.safe").decode(self.req:read_body_as_string() or "")
      if type(value) == "table" then
        support.add_params(self, value, "json")
      end
    end
    return fn(self, ...)
  end
end


local methods = {
  Request = Lapis.Request,
  views_prefix = "views",
  actions_prefix = "actions",

  --- The page around texts and views, unless layout = false.
  layout = function(env)
    return '<!DOCTYPE HTML><html lang="en"><head><title>' .. tostring(env.title or "Lapis Page") .. "</title></head><body>"
      .. env.content_for("inner") .. "</body></html>"
  end,

  new = function(self)
    self:build_router()
  end,

  --- Turns on a feature for all applications: "etlua" lets views be .etlua files.
  enable = function(self, feature)
    local fn = require("lapis.features." .. feature)
    if type(fn) == "function" then
      fn(self)
    end
  end,

  --- match([name], path, action). An action may be a function, true (the module named like the route) or the name of a module.
  match = function(self, name, path, handler)
    group.add_route(group_of(self), name, path, handler)
  end,

  --- fn(self) before each action; one that writes something ends the action.
  before_filter = function(self, fn)
    group.add_before_filter(group_of(self), fn)
  end,

  --- The action of a named route, and its key.
  find_action = function(self, name, is_loaded)
    local found
    group.each_route(rawget(self, "__base") or self, true, function(key, action)
      if not found and type(key) == "table" and next(key) == name then
        found = { action, key }
      end
    end)
    if not found then
      return nil
    end
    return is_loaded == false and found[1] or load_action(self.actions_prefix, found[1], name), found[2]
  end,

  --- Copies the routes of another application, or of the module of that name. opts: path and name that go in front.
  include = function(self, other, opts)
    local into = group_of(self)
    if type(other) == "string" then
      other = require(other)
    end
    local source = rawget(other, "__base") or other
    local path_prefix, name_prefix = opts and opts.path or other.path or "", opts and opts.name or other.name or ""
    group.each_route(source, true, function(key, action)
      local name, path = nil, key
      if type(key) == "table" then
        name, path = next(key)
        if action == true then
          action = name_prefix .. name
        end
        name = name_prefix .. name
      end
      local filters, inner = source.before_filters, wrap_action(action)
      group.add_route(into, name or path_prefix .. path, name and path_prefix .. path or inner, name and function(request)
        if not is_answered(filters, request) then
          return inner(request)
        end
      end)
    end)
  end,

  build_router = function(self)
    local router, paths, names = Router(), {}, {}
    group.each_route(self, true, function(key, handler)
      local name, path = nil, key
      if type(key) == "table" then
        name, path = next(key)
      end
      if not paths[path] and not (name and names[name]) then
        paths[path] = true
        names[name or path] = true
        router:add_route(key, self:wrap_handler(handler))
      end
    end)
    self.router = router
    return router
  end,

  --- What the router calls for a route.
  wrap_handler = function(self, handler)
    return function(params, _, name, request)
      request.route_name = name
      support.add_params(request, request.req.params_get, "GET")
      support.add_params(request, request.req.params_post, "POST")
      support.add_params(request, params, "url_params")
      if not is_answered(self.before_filters, request) then
        request:write(load_action(self.actions_prefix, handler, name)(request))
      end
    end
  end,

  --- Answers a request. Returns whether there was no error, and the request.
  dispatch = function(self, req, res)
    local request, trace
    local ok, err = xpcall(function()
      request = self.Request(self, req, res)
      local router = self.router or self:build_router()
      local params, responder, path, name = router:match(req.parsed_url.path)
      responder = responder or self:wrap_handler(self.default_route)
      responder(params or {}, path, name, request)
      support.render(request)
    end, function(failure)
      trace = debug.traceback("", 2)
      return failure
    end)
    if not ok then
      local error_request = self.Request(self, req, res)
      error_request.original_request = request
      error_request:write(self.handle_error(error_request, err, trace))
      support.render(error_request)
    end
    return ok, request
  end,

  --- self is a request in these. A path that ends in "/" and has no route leads to the one without; others to handle_404.
  default_route = function(self)
    local path = match(self.req.parsed_url.path, "^(.+)/+$")
    if path then
      return { redirect_to = self:build_url("/" .. path:gsub("^/+", ""):gsub("/+$", ""), { query = self.req.parsed_url.query }), status = 301 }
    end
    return self.app.handle_404(self)
  end,

  handle_404 = function(self)
    error("Failed to find route: " .. self.req.request_uri)
  end,

  --- The error goes to the log, not to the client.
  handle_error = function(self, err, trace)
    ngx.log(ngx.ERR, "lapis: ", tostring(err), trace)
    return { "Internal Server Error", status = 500, layout = false, content_type = "text/plain" }
  end,

  cookie_attributes = function()
    return "Path=/; HttpOnly"
  end,
}

for _, verb in ipairs({ "get", "post", "put", "delete", "patch" }) do
  --- get([name], path, action), ...: an action for one method; other methods of the path may have others.
  methods[verb] = function(self, name, path, handler)
    if handler == nil then
      name, path, handler = nil, name, path
    end
    group.add_route_verb(group_of(self), Lapis.respond_to, verb:upper(), name, path, wrap_action(handler))
  end
end

Application = class("Application", methods)
Lapis.Application = Application


--- A class below this one: Application:extend([name], fields). Returns it and the table of its instances' fields.
function Application.extend(parent, name, fields)
  if type(name) == "table" then
    name, fields = nil, name
  end
  local made = class(name or "ExtendedApplication", fields, parent)
  return made, made.__base
end


return Lapis
