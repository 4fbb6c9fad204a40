-- Host names and addresses: what a text is, whether it is valid, its normal form. Pure functions.
local parse = require "kong.tools.ip_parse"
local split = require("kong.tools.string").split

local find = string.find
local fmt = string.format
local gsub = string.gsub
local lower = string.lower
local match = string.match
local parse_v4 = parse.parse_v4
local parse_v6 = parse.parse_v6
local sub = string.sub
local tonumber = tonumber
local type = type

local tools = {}

local PORT_MAX = 65535


-- The address before the slash when the prefix fits, else nil.
local function address_of_cidr(text, max)
  local address, prefix = match(text, "^(..[^/]*)/(%d%d?%d?)$")
  if not address or tonumber(prefix) > max or (#prefix > 1 and sub(prefix, 1, 1) == "0") then
    return nil
  end
  return address
end


function tools.is_valid_ipv4(text)
  return type(text) == "string" and parse_v4(text) ~= nil
end


-- With or without brackets.
function tools.is_valid_ipv6(text)
  return type(text) == "string" and parse_v6(match(text, "^%[(.*)%]$") or text) ~= nil
end


function tools.is_valid_ip(text)
  return tools.is_valid_ipv4(text) or tools.is_valid_ipv6(text)
end


function tools.is_valid_cidr_v4(text)
  return type(text) == "string" and tools.is_valid_ipv4(address_of_cidr(text, 32))
end


function tools.is_valid_cidr_v6(text)
  return type(text) == "string" and tools.is_valid_ipv6(address_of_cidr(text, 128))
end


function tools.is_valid_cidr(text)
  return tools.is_valid_cidr_v4(text) or tools.is_valid_cidr_v6(text)
end


function tools.is_valid_ip_or_cidr_v4(text)
  return tools.is_valid_ipv4(text) or tools.is_valid_cidr_v4(text)
end


function tools.is_valid_ip_or_cidr_v6(text)
  return tools.is_valid_ipv6(text) or tools.is_valid_cidr_v6(text)
end


function tools.is_valid_ip_or_cidr(text)
  return tools.is_valid_ip(text) or tools.is_valid_cidr(text)
end


-- "ipv4", "ipv6" or "name", by its looks alone.
function tools.hostname_type(name)
  local rest, colons = gsub(name, ":", "")
  if colons > 1 then
    return "ipv6"
  end
  return find(rest, "^[%d.]+$") and "ipv4" or "name"
end


-- address, port | nil, err. "10.0.0.1:80"
function tools.normalize_ipv4(text)
  local address, port = match(text, "^([%d.]+):(%d+)$")
  address = address or text
  if not parse_v4(address) then
    return nil, "invalid ipv4 address: " .. text
  end
  port = tonumber(port)
  if port and port > PORT_MAX then
    return nil, "invalid port number"
  end
  local a, b, c, d = match(address, "^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  return fmt("%d.%d.%d.%d", a, b, c, d), port
end


-- All eight groups with four digits, and the port behind brackets. nil, err.
function tools.normalize_ipv6(text)
  local address, rest = match(text, "^%[(.-)%](.*)$")
  local port
  if address and rest ~= "" then
    port = match(rest, "^:(%d*)$")
    if not port then
      return nil, "invalid ipv6 address"
    end
    port = tonumber(port)
    if port and port > PORT_MAX then
      return nil, "invalid port number"
    end
  end
  local words = parse_v6(address or text)
  if not words then
    return nil, "invalid ipv6 address: " .. text
  end
  local groups = {}
  for i = 1, 4 do
    local hex = bit.tohex(words[i])
    groups[i] = sub(hex, 1, 4) .. ":" .. sub(hex, 5)
  end
  return lower(table.concat(groups, ":")), port
end


-- name, port | nil, err.
function tools.check_hostname(text)
  local name, port = match(text, "^(.*):(%d+)$")
  name = name or text
  port = tonumber(port)
  if port and port > PORT_MAX then
    return nil, "invalid port number"
  end
  if not find(name, "^[%w._-]+$") then
    return nil, "invalid hostname: " .. text
  end
  local labels = split(name, ".")
  for i = 1, #labels do
    local label = labels[i]
    if find(label, "%-$") or (label == "" and i ~= #labels) then
      return nil, "invalid hostname: " .. text
    end
  end
  return name, port
end


local NORMALIZE = { ipv4 = tools.normalize_ipv4, ipv6 = tools.normalize_ipv6, name = tools.check_hostname }


-- { type, host, port } | nil, err.
function tools.normalize_ip(text)
  local kind = tools.hostname_type(text)
  local host, port = NORMALIZE[kind](text)
  if not host then
    return nil, port
  end
  return { type = kind, host = host, port = port }
end


-- host[:port] with brackets where IPv6 needs them. Takes what normalize_ip gives, errors included, or a host and port.
function tools.format_host(host, port)
  if host == nil then
    return nil, port
  end
  local kind
  if type(host) == "table" then
    port = host.port or port
    kind = host.type
    host = host.host
  elseif type(host) ~= "string" then
    return nil, "cannot format type '" .. type(host) .. "'"
  end
  kind = kind or tools.hostname_type(host)
  if kind == "ipv6" and not find(host, "[", 1, true) then
    host = "[" .. tools.normalize_ipv6(host) .. "]"
  end
  return host .. (port and ":" .. port or "")
end


return tools
