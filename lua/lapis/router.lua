-- require "lapis.router": paths with parameters. "/users/:id[%d]" has a parameter of digits, "/files/*" ends in params.splat,
-- "/list(/:page)" has a part that may be missing. Paths without parameters go before those with, splats come last; else the order counts.
local class = require("lapis.lua").class
local lpeg = require "lpeg"

local concat = table.concat
local find = string.find
local match = string.match
local sub = string.sub
local type = type


-- The characters of a class like "%d" or "^a-z/" as a pattern.
local function pattern_of_class(text)
  local set = {}
  for code = 0, 255 do
    local c = string.char(code)
    if find(c, "[" .. text .. "]") then
      set[#set + 1] = c
    end
  end
  return lpeg.S(concat(set))
end


-- Nodes of a path: { kind = "literal" | "var" | "splat" | "optional", text | name, class | nodes }.
local function parse(path)
  local nodes, at = {}, 1
  local function add(node, text)
    nodes[#nodes + 1] = node
    at = at + #text
  end
  while at <= #path do
    local whole, name, chars = match(path, "^(:([%a_][%w_]*)%[([^%]]+)%])", at)
    if not whole then
      whole, name = match(path, "^(:([%a_][%w_]*))", at)
    end
    local group = match(path, "^%b()", at)
    if whole then
      add({ kind = "var", name = name, class = chars }, whole)
    elseif sub(path, at, at) == "*" then
      add({ kind = "splat", name = "splat" }, "*")
    elseif group and #group > 2 then
      add({ kind = "optional", nodes = parse(sub(group, 2, -2)) }, group)
    else
      local text = match(path, "^.[^:*(]*", at)
      local last = nodes[#nodes]
      if last and last.kind == "literal" then
        last.text = last.text .. text
        at = at + #text
      else
        add({ kind = "literal", text = text }, text)
      end
    end
  end
  return nodes
end


-- The pattern of nodes in front of `rest`. stop: where a parameter before them ends, besides "/". Counts vars and splats.
local function compile(nodes, stop, counts)
  local pattern = lpeg.P(true)
  for i = #nodes, 1, -1 do
    local node = nodes[i]
    local piece
    if node.kind == "literal" then
      piece = lpeg.P(node.text)
      stop = piece
    elseif node.kind == "optional" then
      local inner, inner_stop = compile(node.nodes, stop, counts)
      piece = inner ^ -1
      stop = stop and inner_stop and inner_stop + stop or inner_stop or stop
    else
      counts[node.kind] = counts[node.kind] + 1
      local c = node.class and pattern_of_class(node.class) or lpeg.P(1)
      if node.kind == "var" then
        c = c - "/"
      end
      piece = lpeg.Cg((stop and c - stop or c) ^ 1, node.name)
      stop = nil
    end
    pattern = piece * pattern
  end
  return pattern, stop
end


local function precedence(counts)
  return counts.var + (counts.splat > 0 and 10 + 10 / counts.splat or 0)
end


local function value_for(params, name, route_name)
  local value = params and params[name]
  if type(value) == "table" then
    if not value.url_key then
      error("lapis.router: attempted to generate route parameter for object without 'url_key' method")
    end
    return value:url_key(route_name, name) or ""
  end
  return value
end


-- Appends the path of nodes; how many parameters had a value.
local function fill(out, nodes, params, route_name)
  local filled = 0
  for _, node in ipairs(nodes) do
    if node.kind == "literal" then
      out[#out + 1] = node.text
    elseif node.kind == "optional" then
      local inner = {}
      if fill(inner, node.nodes, params, route_name) > 0 then
        out[#out + 1] = concat(inner)
      end
    else
      local value = value_for(params, node.name, route_name)
      if value ~= nil then
        out[#out + 1] = tostring(value)
        filled = filled + 1
      end
    end
  end
  return filled
end


local Router = class("Router", {
  new = function(self)
    self.routes, self.named_routes, self.count = {}, {}, 0
  end,

  --- path: text, or { name = text }. responder: function(params, path, name, ...).
  add_route = function(self, path, responder)
    local name
    if type(path) == "table" then
      name, path = next(path)
    end
    local counts = { var = 0, splat = 0 }
    local nodes = parse(path)
    local route = {
      path = path, name = name, responder = responder, nodes = nodes, number = #self.routes,
      pattern = lpeg.Ct(compile(nodes, nil, counts)) * -1,
    }
    route.precedence = precedence(counts)
    if name then
      self.named_routes[name] = route
    end
    table.insert(self.routes, route)
    table.sort(self.routes, function(a, b)
      return a.precedence < b.precedence or a.precedence == b.precedence and a.number < b.number
    end)
  end,

  --- Called for a path that no route has.
  default_route = function(_, path)
    error("failed to find route: " .. path)
  end,

  --- Parameters, responder, path and name of the route for a path; nil when there is none.
  match = function(self, path)
    for _, route in ipairs(self.routes) do
      local params = route.pattern:match(path)
      if params then
        return params, route.responder, route.path, route.name
      end
    end
  end,

  --- Calls the responder of the route for a path, or default_route.
  resolve = function(self, path, ...)
    local params, responder, route_path, name = self:match(path)
    if responder then
      return responder(params, route_path, name, ...)
    end
    return self:default_route(path, ...)
  end,

  --- The path of a named route with these parameters; query: a text or a table.
  url_for = function(self, name, params, query)
    if name == nil then
      return params
    end
    local route = self.named_routes[name]
    if not route then
      error("lapis.router: There is no route named: " .. tostring(name))
    end
    local out = {}
    fill(out, route.nodes, params, name)
    query = type(query) == "table" and require("lapis.util").encode_query_string(query) or query
    return concat(out) .. (query and query ~= "" and "?" .. query or "")
  end,
})


return { Router = Router }
