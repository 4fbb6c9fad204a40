-- Order of routes in the flavour traditional: by category (which kinds of attributes a route has), then by weight within
-- the category. Used by kong.router.index at build time only.
local attributes = require "kong.router.attributes"
local bit = require "bit"
local hosts = require "kong.router.hosts"

local bor = bit.bor
local byte = string.byte
local fmt = string.format
local is_set = attributes.is_set
local sort = require("kong.tools.sort").sort
local sub = string.sub
local tonumber = tonumber

local traditional = {}

local STEPS = 16  -- routes between two calls of pause

local TILDE = byte("~")
local CATEGORY_BITS = {
  { "hosts", 0x40 }, { "headers", 0x20 }, { "paths", 0x10 }, { "methods", 0x08 },
  { "snis", 0x04 }, { "sources", 0x02 }, { "destinations", 0x01 },
}
traditional.HOST_BIT = 0x40
traditional.PATH_BIT = 0x10

local HAS_REGEX, PLAIN_HOSTS, WILDCARD_WITH_PORT = 1, 2, 4
-- Sorting is ascending on text, so what must come first when large is written as the distance to this.
local LARGE = 2 ^ 52


local function category_of(route)
  local kinds, bits = 0, 0
  for _, pair in ipairs(CATEGORY_BITS) do
    if is_set(route[pair[1]]) then
      kinds = kinds + 1
      bits = bor(bits, pair[2])
    end
  end
  return kinds, bits
end


local function host_weight(route)
  if not is_set(route.hosts) then
    return 0
  end
  local weight, is_plain = 0, true
  for _, host in ipairs(route.hosts) do
    if hosts.is_wildcard(host) then
      is_plain = false
      local _, port = hosts.split_port(host)
      if port then
        weight = bor(weight, WILDCARD_WITH_PORT)
      end
    end
  end
  return is_plain and bor(weight, PLAIN_HOSTS) or weight
end


local function inspect_path(path)
  if not path then
    return false, 0
  end
  if byte(path, 1) == TILDE then
    return true, 0
  end
  return false, #path
end


local function sort_key(route, path, index)
  local kinds, bits = category_of(route)
  local weight = host_weight(route)
  local has_regex, longest = inspect_path(path)
  local header_cnt = 0
  if is_set(route.headers) then
    for _ in pairs(route.headers) do
      header_cnt = header_cnt + 1
    end
  end
  local regex_priority = 0
  if has_regex then
    weight = bor(weight, HAS_REGEX)
    regex_priority = tonumber(route.regex_priority) or 0
  end
  return bits, fmt("%d%03d%d%05d%017.0f%08d%017.0f%08d", 9 - kinds, 255 - bits, 9 - weight, 99999 - header_cnt,
                   LARGE - regex_priority, 99999999 - longest, tonumber(route.created_at) or 0, index)
end


-- All routes, first choice first, a route with several paths once for each: { entry, paths = { path } | nil, category }.
function traditional.order(entries, _, pause)
  local parts, keys = {}, {}
  for i = 1, #entries do
    if pause and i % STEPS == 0 then
      pause()
    end
    local route = entries[i].route
    local paths = is_set(route.paths) and route.paths or { false }
    for j = 1, #paths do
      local n = #parts + 1
      local category
      category, keys[n] = sort_key(route, paths[j], n)
      parts[n] = { entry = entries[i], paths = paths[j] and { paths[j] } or nil, category = category }
    end
  end

  keys = sort(keys, pause)
  local ordered = {}
  for i = 1, #keys do
    ordered[i] = parts[tonumber(sub(keys[i], -8))]
  end
  return ordered
end


return traditional
