-- Order of routes in the flavour traditional: by category (which kinds of attributes a route has), then by weight within
-- the category. Used by kong.router.index at build time only.
local attributes = require "kong.router.attributes"
local bit = require "bit"
local hosts = require "kong.router.hosts"

local bor = bit.bor
local byte = string.byte
local fmt = string.format
local is_set = attributes.is_set
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


local function inspect_paths(route)
  local has_regex, longest = false, 0
  if is_set(route.paths) then
    for _, path in ipairs(route.paths) do
      if byte(path, 1) == TILDE then
        has_regex = true
      elseif #path > longest then
        longest = #path
      end
    end
  end
  return has_regex, longest
end


local function sort_key(route, index)
  local kinds, bits = category_of(route)
  local weight = host_weight(route)
  local has_regex, longest = inspect_paths(route)
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


-- All routes, first choice first: { entry, paths = list in declared order | nil, category }.
function traditional.order(entries, _, pause)
  local parts, keys = {}, {}
  for i = 1, #entries do
    if pause and i % STEPS == 0 then
      pause()
    end
    local route = entries[i].route
    local category
    category, keys[i] = sort_key(route, i)
    parts[i] = { entry = entries[i], paths = is_set(route.paths) and route.paths or nil, category = category }
  end

  table.sort(keys)
  local ordered = {}
  for i = 1, #keys do
    ordered[i] = parts[tonumber(sub(keys[i], -8))]
  end
  return ordered
end


return traditional
