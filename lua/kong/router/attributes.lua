-- What a route asks for besides host and path: methods, SNIs, headers, sources and destinations.
-- kong.router.index compiles each set once per route; kong.router checks them per request. Must never allocate on a
-- check, except when it has to fold the case of a header value.
local address = require "kong.router.address"
local regex = require "kong.router.regex"

local byte = string.byte
local find = string.find
local gsub = string.gsub
local lower = string.lower
local sub = string.sub
local type = type

local attributes = {}

local DOT = byte(".")


-- Unset fields come as nil, as ngx.null or as empty tables.
local function is_set(field)
  return type(field) == "table" and next(field) ~= nil
end


attributes.is_set = is_set


-- A set of methods; equal lists share one table through `pool`.
function attributes.methods(route, pool)
  if not is_set(route.methods) then
    return false
  end
  local names = {}
  for i, name in ipairs(route.methods) do
    names[i] = name:upper()
  end
  table.sort(names)
  local key = table.concat(names, " ")
  local set = pool[key]
  if not set then
    set = {}
    for _, name in ipairs(names) do
      set[name] = true
    end
    pool[key] = set
  end
  return set
end


local function without_final_dot(name)
  if byte(name, -1) == DOT then
    return sub(name, 1, -2)
  end
  return name
end


function attributes.snis(route)
  if not is_set(route.snis) then
    return false
  end
  local out = { exact = {}, suffixes = false, prefixes = false }
  for _, name in ipairs(route.snis) do
    name = without_final_dot(name)
    if sub(name, 1, 1) == "*" then
      out.suffixes = out.suffixes or {}
      table.insert(out.suffixes, sub(name, 2))
    elseif sub(name, -1) == "*" then
      out.prefixes = out.prefixes or {}
      table.insert(out.prefixes, sub(name, 1, -2))
    else
      out.exact[name] = true
    end
  end
  return out
end


function attributes.match_sni(snis, sni)
  if not sni then
    return false
  end
  sni = without_final_dot(sni)
  if snis.exact[sni] then
    return true
  end
  local list = snis.suffixes
  if list then
    for i = 1, #list do
      if #sni > #list[i] and sub(sni, -#list[i]) == list[i] then
        return true
      end
    end
  end
  list = snis.prefixes
  if list then
    for i = 1, #list do
      if #sni > #list[i] and sub(sni, 1, #list[i]) == list[i] then
        return true
      end
    end
  end
  return false
end


local function compile_header(name, values, is_compatible)
  local header = { name = lower(name), values = {}, regexes = false }
  -- nginx variables write "-" as "_", so the compatible flavour sees both spellings under one name.
  header.alias = is_compatible and find(header.name, "-", 1, true) and gsub(header.name, "-", "_") or false
  for _, value in ipairs(values) do
    local is_regex = sub(value, 1, 2) == "~*" and (is_compatible or #values == 1)
    if is_regex then
      local pattern, options
      if is_compatible then
        pattern, options = regex.compatible(lower(sub(value, 3)))
      else
        pattern, options = regex.pcre(sub(value, 3))
      end
      header.regexes = header.regexes or {}
      table.insert(header.regexes, { pattern = pattern, options = options })
    else
      header.values[lower(value)] = true
    end
  end
  return header
end


-- List of headers in a fixed order, or false.
function attributes.headers(route, is_compatible)
  if not is_set(route.headers) then
    return false
  end
  local out = {}
  for name, values in pairs(route.headers) do
    out[#out + 1] = compile_header(name, values, is_compatible)
  end
  table.sort(out, function(a, b)
    return a.name < b.name
  end)
  return out
end


local function match_value(header, value)
  local values = header.values
  if values[value] then
    return true
  end
  value = lower(value)
  if values[value] then
    return true
  end
  local regexes = header.regexes
  if regexes then
    for i = 1, #regexes do
      if regex.is_found(value, regexes[i].pattern, regexes[i].options) then
        return true
      end
    end
  end
  return false
end


local function match_header(header, value)
  if type(value) ~= "table" then
    return match_value(header, value)
  end
  for i = 1, #value do
    if match_value(header, value[i]) then
      return true
    end
  end
  return false
end


function attributes.match_headers(headers, get_header)
  for i = 1, #headers do
    local header = headers[i]
    local value = get_header(header.name)
    local is_match = value ~= nil and match_header(header, value)
    if not is_match and header.alias then
      value = get_header(header.alias)
      is_match = value ~= nil and match_header(header, value)
    end
    if not is_match then
      return false
    end
  end
  return true
end


-- Sources or destinations: a list of { network or false, port or false }, or false.
function attributes.addresses(list)
  if not is_set(list) then
    return false
  end
  local out = {}
  for i, item in ipairs(list) do
    local ip = type(item.ip) == "string" and item.ip or nil
    out[i] = {
      network = ip and address.network(ip) or false,
      has_ip = ip ~= nil,
      port = type(item.port) == "number" and item.port or false,
    }
  end
  return out
end


function attributes.match_addresses(list, ip, port)
  for i = 1, #list do
    local item = list[i]
    if (not item.port or item.port == port)
       and (not item.has_ip or (item.network and address.contains(item.network, ip))) then
      return true
    end
  end
  return false
end


return attributes
