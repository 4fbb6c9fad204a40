-- Order of routes in the flavour expressions: routes with an expression come before all others, by their priority; the
-- others are ordered as in traditional_compatible. Used by kong.router.index at build time only.
local attributes = require "kong.router.attributes"
local compatible = require "kong.router.compatible"
local expression = require "kong.router.expression"

local fmt = string.format
local is_set = attributes.is_set
local sub = string.sub
local tonumber = tonumber

local expressions = {}

-- What a route's protocol asks of net.protocol.
local CONNECTION_PROTOCOLS = { http = "http", https = "https", grpc = "http", grpcs = "https", tls_passthrough = "tcp" }
-- Routes for one of these alone match the plain protocol too, to answer it with a redirect or an upgrade.
local ALSO_PLAIN = { https = true, tls = true, tls_passthrough = true }


-- Set of values of net.protocol, or false for all.
function expressions.protocols(route)
  local list = route.protocols
  if not is_set(list) or (#list == 1 and ALSO_PLAIN[list[1]]) then
    return false
  end
  local out = {}
  for i = 1, #list do
    out[CONNECTION_PROTOCOLS[list[i]] or list[i]] = true
  end
  if out.http and out.https then
    return false
  end
  return out
end


-- Highest first; larger ids win ties. 48 bits of priority are what the schema allows.
local function sort_key(route, index)
  return fmt("%017.0f%s%08d", tonumber(route.priority) or 0, route.id, index)
end


local function order_expressions(entries, subsystem, pause)
  local parts, keys = {}, {}
  for i, entry in ipairs(entries) do
    if pause then
      pause()
    end
    local compiled, err = expression.compile(entry.route.expression, subsystem)
    if not compiled then
      return nil, fmt("route %s: %s", tostring(entry.route.name or entry.route.id), err)
    end
    parts[i] = { entry = entry, plain = compiled.prefixes, test = compiled.test, is_expression = true }
    keys[i] = sort_key(entry.route, i)
  end
  table.sort(keys)
  local out, n = {}, #keys
  for i = 1, n do
    out[n - i + 1] = parts[tonumber(sub(keys[i], -8))]
  end
  return out
end


-- All parts, first choice first, or nil, err.
function expressions.order(entries, subsystem, pause)
  local with, without = {}, {}
  for i = 1, #entries do
    local text = entries[i].route.expression
    local list = (type(text) == "string" and text ~= "") and with or without
    list[#list + 1] = entries[i]
  end
  local parts, err = order_expressions(with, subsystem, pause)
  if not parts then
    return nil, err
  end
  local rest = compatible.order(without, subsystem, pause)
  for i = 1, #rest do
    parts[#parts + 1] = rest[i]
  end
  for i = 1, #parts do
    parts[i].protocols = expressions.protocols(parts[i].entry.route)
  end
  return parts
end


return expressions
