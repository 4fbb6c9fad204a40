-- require "lapis.request": what actions get as self. params (all), GET, POST, url_params, cookies, req, res, options, route_name.
local class = require("lapis.lua").class
local util = require "lapis.util"

local getmetatable = getmetatable
local match = string.match
local type = type


-- Names like a[b][c] make nested tables.
local function add_param(params, name, value)
  local front = type(name) == "string" and match(name, "^([^%[]+)%[[^%]]+%]")
  if not front then
    params[name] = value
    return
  end
  local last = front
  for key in name:gmatch("%[([^%]]+)%]") do
    if type(params[last]) ~= "table" then
      params[last] = {}
    end
    params, last = params[last], key
  end
  params[last] = value
end


--- Adds parameters; they are in self[name] as well.
local function add_params(self, params, name)
  if name then
    self[name] = params
  end
  for key, value in pairs(params or {}) do
    add_param(self.params, key, value)
  end
end


local function read_cookies(header)
  local out = {}
  for _, text in ipairs(type(header) == "table" and header or { header }) do
    for name, value in pairs(util.parse_cookie_string(text)) do
      out[name] = value
    end
  end
  return out
end


-- What a view sees: itself and its arguments, then the fields of the request, whose methods it calls without self.
local function view_environment(self, inner)
  local env = { self = self, params = self.params }
  function env.content_for(name)
    return name == "inner" and inner or self["content_for_" .. name] or ""
  end
  return setmetatable(env, { __index = function(_, name)
    local value = self[name]
    if type(value) == "function" then
      return function(...) return value(self, ...) end
    end
    return value
  end })
end


-- A view or layout is a function(environment) that returns text, as templates of etlua are, or names a module that returns one.
local function run_view(self, view, inner)
  if type(view) == "string" then
    view = require(self.app.views_prefix .. "." .. view)
  end
  local text, err = view(view_environment(self, inner))
  return text or error("the view returned nothing: " .. tostring(err))
end


local function write_cookies(self)
  for name, value in pairs(self.cookies) do
    local attributes = self.app.cookie_attributes(self, name, value)
    self.res:add_header("Set-Cookie", util.escape(name) .. "=" .. util.escape(tostring(value)) .. (attributes and "; " .. attributes or ""))
  end
end


local function render_page(self)
  local options, res = self.options, self.res
  local view = options.render
  if view then
    self:write(run_view(self, view == true and self.route_name or view))
  end
  local layout = options.layout
  if layout == nil then
    layout = self.app.layout
  end
  local text = table.concat(self.buffer)
  if layout then
    text = run_view(self, layout, text)
  end
  if text ~= "" then
    res.content = (res.content or "") .. text
  end
end


--- Writes options and buffer into the response: status, headers, and json, redirect_to or the page.
local function render(self)
  local options, res = self.options, self.res
  if options.skip_render then
    return
  end
  write_cookies(self)
  res.status = options.status or res.status
  for name, value in pairs(options.headers or {}) do
    res:add_header(name, value)
  end
  if options.json ~= nil then
    res.headers["Content-Type"] = options.content_type or "application/json"
    res.content = util.to_json(options.json)
    return
  end
  res.headers["Content-Type"] = options.content_type or res.headers["Content-Type"] or "text/html"
  local url = options.redirect_to
  if url then
    res:add_header("Location", match(url, "^/") and self:build_url(url) or url)
    res.status = res.status or 302
    return
  end
  render_page(self)
end


local Request = class("Request", {
  new = function(self, app, req, res)
    self.app, self.req, self.res = app, req, res
    self.buffer, self.params, self.options = {}, {}, {}
    self.cookies = util.auto_table(function() return read_cookies(req.headers.cookie) end)
  end,

  --- Appends texts to the page; tables: fields are options (status, json, ...), items are written; functions get the buffer.
  write = function(self, ...)
    for i = 1, select("#", ...) do
      local thing = select(i, ...)
      local kind = type(thing)
      local mt = kind == "table" and getmetatable(thing)
      if kind == "string" then
        self.buffer[#self.buffer + 1] = thing
      elseif kind == "function" or mt and mt.__call then
        self:write((thing(self.buffer)))
      elseif kind == "table" then
        for key, value in pairs(thing) do
          if type(key) == "string" then
            self.options[key] = value
          else
            self:write(value)
          end
        end
      elseif thing ~= nil then
        error("Don't know how to write: (" .. kind .. ") " .. tostring(thing))
      end
    end
  end,

  --- The path of a named route; query: a text or a table. An object with a method url_params names its own route.
  url_for = function(self, first, ...)
    if type(first) == "table" then
      return self.app.router:url_for(first:url_params(self, ...))
    end
    return self.app.router:url_for(first, ...)
  end,

  --- The whole URL of a path on the host of this request; options: parts to change (as for lapis.util.build_url).
  build_url = function(self, path, options)
    if path and (match(path, "^%a+:") or match(path, "^//")) then
      return path
    end
    local from, parts = self.req.parsed_url, {}
    parts.scheme, parts.host, parts.port = from.scheme, from.host, from.port
    parts.path, parts.query = path, nil
    if path and path:find("?", 1, true) then
      parts.path, parts.query = match(path, "^(.-)%?(.*)$")
    end
    local is_default = parts.scheme == "https" and "443" or "80"
    if tostring(parts.port) == is_default then
      parts.port = nil
    end
    for key, value in pairs(options or {}) do
      parts[key] = value
    end
    return util.build_url(parts)
  end,
})

Request.support = { add_params = add_params, render = render }

return Request
