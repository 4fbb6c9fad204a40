-- Order of routes in the flavour traditional_compatible: routes with unlike paths are split, every part gets a 64 bit
-- priority, and equal priorities go to the greater id. Used by kong.router when it is built or changed.
local attributes = require "kong.router.attributes"
local bit = require "bit"
local ffi = require "ffi"
local ids = require "kong.db.schema.ids"

local bor = bit.bor
local byte = string.byte
local find = string.find
local fmt = string.format
local is_set = attributes.is_set
local lshift = bit.lshift
local rshift = bit.rshift
local sub = string.sub
local tobit = bit.tobit
local tonumber = tonumber

local sort = require("kong.tools.sort").sort

local compatible = {}

local TILDE = byte("~")
local STEPS = 16  -- routes between two calls of pause
local HEADER_CNT_MAX = 255
local LENGTH_MAX = 0x7ffff
local WIDE_FROM = 4
local IP_WEIGHT, PORT_WEIGHT, CIDR_WEIGHT = 8, 4, 1

local uint64 = ffi.typeof("uint64_t")
local int64 = ffi.typeof("int64_t")

-- Ids of the parts: name-based, so every node agrees on the order of equal priorities.
local part_id = ids.namespace("7f145bf9-0dce-4f91-98eb-debbce4b9f6b")


local function shifted(value, by)
  return lshift(uint64(int64(value)), by)
end


-- Kong shifts these parts as 32 bit numbers, so the distance counts modulo 32 and the bits for plain hosts and regexes
-- outweigh the number of kinds.
local function shifted_word(value, by)
  return tobit(lshift(tobit(value), by % 32))
end


local function count_keys(map)
  local n = 0
  for _ in pairs(map) do
    n = n + 1
  end
  return n
end


local function has_plain_hosts_only(route)
  for _, host in ipairs(route.hosts) do
    if find(host, "*", 1, true) then
      return false
    end
  end
  return true
end


-- The parts that depend on the route alone; splitting does not change them: the 64 bit one and the 32 bit one, nil when all is
-- in the first.
local function common_priority(route)
  local kinds, header_cnt = 0, 0
  for _, field in ipairs { "methods", "hosts", "headers", "snis", "paths", "sources", "destinations" } do
    if is_set(route[field]) then
      kinds = kinds + 1
    end
  end
  if is_set(route.headers) then
    header_cnt = math.min(count_keys(route.headers), HEADER_CNT_MAX)
  end
  local has_plain_hosts = is_set(route.hosts) and has_plain_hosts_only(route)
  local bits = has_plain_hosts and shifted(1, 60) or uint64(0)
  -- From four kinds on a 32 bit number is negative, and what Kong does changes from start to start: they come first, in the
  -- order of the written layout.
  if kinds >= WIDE_FROM then
    return bor(bits, shifted(kinds, 61), shifted(header_cnt, 52)), nil
  end
  return bits, bor(shifted_word(kinds, 61), shifted_word(header_cnt, 52))
end


local function address_weight(list)
  local weight = 0
  if is_set(list) then
    for _, item in ipairs(list) do
      if type(item.ip) == "string" then
        weight = bor(weight, find(item.ip, "/", 1, true) and CIDR_WEIGHT or IP_WEIGHT)
      end
      if type(item.port) == "number" then
        weight = bor(weight, PORT_WEIGHT)
      end
    end
  end
  return weight
end


local function stream_priority(route)
  local priority = uint64(0)
  if is_set(route.snis) then
    priority = bor(priority, shifted(1, 61))
  end
  if is_set(route.sources) and is_set(route.destinations) then
    priority = bor(priority, shifted(1, 61))
  end
  return bor(priority, shifted(address_weight(route.sources), 4), uint64(address_weight(route.destinations)))
end


-- Sorts as the priority does, then as the id does. No two parts have the same.
local function sort_key(priority, id)
  return fmt("%08x%08x%s", tonumber(rshift(priority, 32)), tonumber(bit.band(priority, 0xffffffffULL)), id)
end


local function add_part(parts, entry, id, priority, plain, regexes)
  parts[#parts + 1] = { entry = entry, plain = plain, regexes = regexes, key = sort_key(priority, id) }
end


local function group_of(path)
  return byte(path, 1) == TILDE and 0 or #path
end


local function path_priority(bits, word, route, group)
  local regex_priority = tonumber(route.regex_priority) or 0
  if not word then
    return group == 0 and bor(bits, shifted(1, 51), shifted(regex_priority, 19)) or bor(bits, int64(math.min(group, LENGTH_MAX)))
  end
  if group == 0 then
    return bor(bits, shifted(1, 51), int64(bor(word, shifted_word(regex_priority, 19))))
  end
  return bor(bits, int64(bor(word, math.min(group, LENGTH_MAX))))
end


local function add_group(parts, entry, id, bits, word, group, paths)
  local priority = path_priority(bits, word, entry.route, group)
  if group ~= 0 then
    return add_part(parts, entry, id, priority, paths, nil)
  end
  local regexes = {}
  for i, path in ipairs(paths) do
    regexes[i] = sub(path, 2)
  end
  return add_part(parts, entry, id, priority, nil, regexes)
end


local function add_http_route(parts, entry)
  local route = entry.route
  local bits, word = common_priority(route)
  local paths = route.paths
  if not is_set(paths) then
    return add_part(parts, entry, route.id, bor(bits, int64(word or 0)), nil, nil)
  end
  if #paths == 1 then
    return add_group(parts, entry, route.id, bits, word, group_of(paths[1]), paths)
  end

  local groups, order = {}, {}
  for _, path in ipairs(paths) do
    local group = group_of(path)
    if not groups[group] then
      groups[group] = {}
      order[#order + 1] = group
    end
    table.insert(groups[group], path)
  end
  for i, group in ipairs(order) do
    local id = route.id
    if #order > 1 then
      id = part_id(route.id .. "#" .. i)
    end
    add_group(parts, entry, id, bits, word, group, groups[group])
  end
end


-- Parts of a route by its table, of the router that was built last: routes that a new configuration leaves as they are
-- keep theirs. Replaced by every build; parts refer to their route, so that weak keys would hold all of them for ever.
local known = {}


local function parts_of(entry, subsystem, fresh)
  local route = entry.route
  local found = known[route]
  if found then
    fresh[route] = found
    return found
  end
  found = {}
  if subsystem == "stream" then
    add_part(found, entry, route.id, stream_priority(route), nil, nil)
  else
    add_http_route(found, entry)
    fresh[route] = found
  end
  return found
end


-- Parts of routes that the router built last has got, by route; nil for one that it left out.
function compatible.known(route)
  return known[route]
end


-- Parts of single entries, and the table by route with which `exchange` makes them known.
function compatible.parts(entries)
  local parts, fresh = {}, {}
  for i = 1, #entries do
    for _, part in ipairs(parts_of(entries[i], "http", fresh)) do
      part.entry = entries[i]
      parts[#parts + 1] = part
    end
  end
  return parts, fresh
end


-- Some routes came and went without a build.
function compatible.exchange(removed, fresh)
  for i = 1, #removed do
    known[removed[i]] = nil
  end
  for route, parts in pairs(fresh) do
    known[route] = parts
  end
end


-- Parts of all routes, highest priority first: { entry, plain = paths | nil, regexes = patterns | nil }.
function compatible.order(entries, subsystem, pause)
  local by_key, keys, n = {}, {}, 0
  local fresh = {}
  for i = 1, #entries do
    if pause and i % STEPS == 0 then
      pause()
    end
    local entry = entries[i]
    local parts = parts_of(entry, subsystem, fresh)
    for j = 1, #parts do
      local part = parts[j]
      part.entry = entry
      n = n + 1
      keys[n] = part.key
      by_key[part.key] = part
    end
  end

  keys = sort(keys, pause)
  local ordered = {}
  for i = 1, n do
    ordered[n - i + 1] = by_key[keys[i]]
    if pause and i % STEPS == 0 then
      pause()
    end
  end
  if subsystem ~= "stream" then
    known = fresh
  end
  return ordered
end


return compatible
