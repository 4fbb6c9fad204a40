-- The rules that tie the matching fields of a route to its protocols.
-- Used by the routes entity. Must never look at anything but the route.
local value = require "kong.db.schema.value"

local null = value.null
local next = next
local type = type
local concat = table.concat

local routes_checks = {}


local function quoted(names)
  return "'" .. concat(names, "', '") .. "'"
end


local STREAM_TEXT = "'tcp', 'tls', 'tls_passthrough' or 'udp'"

-- protocol group -> what one of must be set, what must not be set, and how the messages name them
local GROUPS = {
  http = {
    need = { "methods", "hosts", "headers", "paths" },
    need_text = "when 'protocols' is 'http'",
    refuse = { "sources", "destinations" },
    refuse_text = "'http' or 'https'",
  },
  https = {
    need = { "methods", "hosts", "headers", "paths", "snis" },
    need_text = "when 'protocols' is 'https'",
    refuse = { "sources", "destinations" },
    refuse_text = "'http' or 'https'",
  },
  grpc = {
    need = { "hosts", "headers", "paths" },
    need_text = "when 'protocols' is 'grpc'",
    refuse = { "methods", "sources", "destinations" },
    refuse_text = "'grpc' or 'grpcs'",
  },
  grpcs = {
    need = { "hosts", "headers", "paths", "snis" },
    need_text = "when 'protocols' is 'grpcs'",
    refuse = { "methods", "sources", "destinations" },
    refuse_text = "'grpc' or 'grpcs'",
  },
  stream = {
    need = { "sources", "destinations", "snis" },
    need_text = "when 'protocols' is 'tcp', 'tls' or 'udp'",
    refuse = { "methods", "hosts", "paths", "headers" },
    refuse_text = STREAM_TEXT,
  },
  tls_passthrough = {
    need = { "snis" },
    need_text = "when 'protocols' is 'tls_passthrough'",
    refuse = { "methods", "hosts", "paths", "headers" },
    refuse_text = STREAM_TEXT,
  },
}

local ORDER = { "https", "http", "grpcs", "grpc", "tcp", "tls", "udp", "tls_passthrough" }

local GROUP_OF = {
  http = GROUPS.http,
  https = GROUPS.https,
  grpc = GROUPS.grpc,
  grpcs = GROUPS.grpcs,
  tcp = GROUPS.stream,
  tls = GROUPS.stream,
  udp = GROUPS.stream,
  tls_passthrough = GROUPS.tls_passthrough,
}


for _, group in next, GROUPS do
  if #group.need == 1 then
    group.need_err = "must set " .. group.need[1] .. " " .. group.need_text
  else
    group.need_err = "must set one of " .. quoted(group.need) .. " " .. group.need_text
  end
end


local function is_set(v)
  return v ~= nil and v ~= null and (type(v) ~= "table" or next(v) ~= nil)
end


-- The first of the route's protocols in the order of ORDER decides.
local function group_for(protocols)
  local has = {}
  for i = 1, #protocols do
    has[protocols[i]] = true
  end
  for i = 1, #ORDER do
    if has[ORDER[i]] then
      return GROUP_OF[ORDER[i]]
    end
  end
end


function routes_checks.is_expressions()
  local kong = rawget(_G, "kong")
  local conf = kong and kong.configuration
  return conf ~= nil and conf.router_flavor == "expressions"
end


local STREAM = { tcp = true, tls = true, udp = true, tls_passthrough = true }


-- An expression has to be one, for the fields that requests of these protocols have.
function routes_checks.expression(route)
  if not is_set(route.expression) then
    return true
  end
  local protocols = type(route.protocols) == "table" and route.protocols or {}
  local subsystem = STREAM[protocols[1]] and "stream" or "http"
  local ok, err = require("kong.router.expression").validate(route.expression, subsystem)
  if not ok then
    return nil, "Router Expression failed validation: " .. err
  end
  return true
end


function routes_checks.protocols(route)
  if type(route.protocols) ~= "table" or is_set(route.expression) then
    return true
  end
  local group = group_for(route.protocols)
  if not group then
    return true
  end
  local err
  local errors
  for i = 1, #group.refuse do
    local name = group.refuse[i]
    if is_set(route[name]) then
      errors = errors or {}
      errors[name] = "cannot set '" .. name .. "' when 'protocols' is " .. group.refuse_text
    end
  end
  if (group == GROUPS.grpc or group == GROUPS.grpcs) and route.strip_path == true then
    errors = errors or {}
    errors.strip_path = "cannot set 'strip_path' when 'protocols' is 'grpc' or 'grpcs'"
  end
  local found = false
  for i = 1, #group.need do
    if is_set(route[group.need[i]]) then
      found = true
      break
    end
  end
  if not found then
    err = group.need_err
  end
  if err or errors then
    return nil, err, errors
  end
  return true
end


return routes_checks
