-- Everything a router looks up: the tries of path prefixes by host, and what each candidate still has to be asked. A candidate is a
-- route or a part of one; it has a slot, and the one with the lowest rank is the best. Made by kong.router.new; changed in place by
-- kong.router.change, which has a few routes to replace among many. Must never depend on the flavour beyond what kong.router passes in.
local attributes = require "kong.router.attributes"
local ffi = require "ffi"
local hosts = require "kong.router.hosts"
local regex = require "kong.router.regex"
local trie = require "kong.router.trie"

local byte = string.byte
local is_set = attributes.is_set
local sub = string.sub

local index = {}

local TILDE = byte("~")

-- What has to be checked besides host and plain path; a candidate without any of these matches at once.
local CHECK = {
  METHOD = 1, SNI = 2, HEADER = 4, REGEX = 8, SOURCE = 16, DESTINATION = 32, EXPRESSION = 64, PROTOCOL = 128,
}
index.CHECK = CHECK

-- Routes between two calls of pause.
local STEPS = 16

local MAX_RANK = 0x7ffffffe
-- Candidates for which there is room at least, and the bytes of a path each.
local SPARE, SPARE_BYTES = 64, 64


-- Paths of a candidate in declared order: { value, pattern = nil | text, options, prefix = literal text }.
local function compile_paths(part, is_compatible)
  local out = {}
  if part.paths then
    for i, value in ipairs(part.paths) do
      if byte(value, 1) == TILDE then
        local pattern, options = regex.pcre(sub(value, 2))
        out[i] = { value = value, pattern = pattern, options = "a" .. options, prefix = regex.literal_prefix(sub(value, 2)) }
      else
        out[i] = { value = value, prefix = value }
      end
    end
  end
  for i, source in ipairs(part.regexes or {}) do
    local pattern, options = regex.pcre(source)
    if is_compatible then
      pattern, options = regex.compatible(source)
    end
    out[i] = { value = "~" .. source, pattern = pattern, options = "a" .. options, prefix = regex.literal_prefix(source) }
  end
  return out
end


-- How many prefixes the trie gets for a part, and their bytes.
local function size_of_part(part)
  local hosts_set = part.entry.route.hosts
  local host_cnt = not part.is_expression and is_set(hosts_set) and #hosts_set or 1
  local paths = part.plain or part.regexes or part.paths
  local path_cnt, len = 1, 0
  if paths then
    path_cnt = #paths
    for j = 1, path_cnt do
      len = len + #paths[j]
    end
  end
  -- One more for a root of its own.
  return host_cnt * (path_cnt + 1), host_cnt * len
end


function index.size_of(parts)
  local prefix_cnt, byte_cnt = 0, 0
  for i = 1, #parts do
    local prefixes, bytes = size_of_part(parts[i])
    prefix_cnt, byte_cnt = prefix_cnt + prefixes, byte_cnt + bytes
  end
  return prefix_cnt, byte_cnt
end


local function add_check(self, slot, list, value, check)
  list[slot] = value
  if value then
    self.checks[slot] = self.checks[slot] + check
  end
end


local function add_candidate(self, slot, part)
  local route = part.entry.route
  self.routes[slot] = route
  self.services[slot] = part.entry.service or false
  self.checks[slot] = 0
  add_check(self, slot, self.tests, part.test or false, CHECK.EXPRESSION)
  add_check(self, slot, self.protocols, part.protocols or false, CHECK.PROTOCOL)
  if part.is_expression then
    return
  end
  add_check(self, slot, self.methods, attributes.methods(route, self.method_sets), CHECK.METHOD)
  add_check(self, slot, self.snis, attributes.snis(route), CHECK.SNI)
  add_check(self, slot, self.headers, attributes.headers(route, self.is_compatible), CHECK.HEADER)
  add_check(self, slot, self.sources, attributes.addresses(route.sources), CHECK.SOURCE)
  add_check(self, slot, self.destinations, attributes.addresses(route.destinations), CHECK.DESTINATION)
  if self.methods[slot] then
    self.wants_method = true
  end
  if self.sources[slot] or self.destinations[slot] then
    self.wants_addresses = true
  end
end


local function add_entry(self, root, prefix, slot, host, path)
  local e = self.put(self.trie, root, prefix, self.rank_of[slot], slot)
  self.entry_host[e] = host
  self.entry_path[e] = path
  if #prefix > self.prefix_max then
    self.prefix_max = #prefix
  end
end


-- Calls fn(self, root, prefix, slot, host, path) for each prefix of a part.
local function each_prefix_at(self, root, slot, host, part, paths, fn)
  if part.plain then
    for i = 1, #part.plain do
      fn(self, root, part.plain[i], slot, host, part.plain[i])
    end
  elseif #paths > 0 then
    for i = 1, #paths do
      fn(self, root, paths[i].prefix, slot, host, paths[i].value)
    end
  else
    fn(self, root, "", slot, host, false)
  end
end


local function each_prefix(self, slot, part, paths, fn)
  local route = part.entry.route
  if part.is_expression or not is_set(route.hosts) then
    return each_prefix_at(self, hosts.root_of_none(self.hosts), slot, false, part, paths, fn)
  end
  for _, host in ipairs(route.hosts) do
    each_prefix_at(self, hosts.root_of(self.hosts, host), slot, host, part, paths, fn)
  end
end


local function paths_of(self, part)
  return part.is_expression and {} or compile_paths(part, self.is_compatible)
end


local function add_paths(self, slot, part)
  local paths = paths_of(self, part)
  local has_regex = false
  for i = 1, #paths do
    has_regex = has_regex or paths[i].pattern ~= nil
  end
  if has_regex then
    self.checks[slot] = self.checks[slot] + CHECK.REGEX
  end
  -- Kept only where a request has to choose among them.
  self.paths[slot] = (has_regex or #paths > 1) and paths or false
  each_prefix(self, slot, part, paths, add_entry)
end


-- Ranks leave room between two candidates for those that come later.
local function spread_ranks(self, cnt)
  local space = math.floor(MAX_RANK / (cnt + 1))
  for i = 1, cnt do
    self.rank_of[self.order and self.order[i] or i] = i * space
  end
end


-- `parts` come in order, best first; `pause` is called between steps. With can_change, there is room for index.change.
-- Returns index | nil, err.
function index.new(parts, is_compatible, pause, can_change)
  local n = #parts
  local prefix_cnt, byte_cnt = index.size_of(parts)
  local spare = can_change and SPARE + math.floor(n / 8) or 0
  local prefixes, err = trie.new(prefix_cnt + spare, byte_cnt + spare * SPARE_BYTES)
  if not prefixes then
    return nil, err
  end
  if pause then
    pause()
  end
  local self = {
    is_compatible = is_compatible,
    trie = prefixes,
    put = trie.add,
    hosts = hosts.new(function()
      return trie.new_root(prefixes)
    end, not is_compatible),
    cnt = n,
    slots_max = n + spare,
    rank_of = ffi.new("int32_t[?]", n + spare + 1),
    checks = ffi.new("uint8_t[?]", n + spare + 1),
    routes = {}, services = {}, methods = {}, snis = {}, headers = {}, sources = {}, destinations = {},
    tests = {}, protocols = {},
    paths = {},
    entry_host = {}, entry_path = {},
    method_sets = {},
    prefix_max = 0,
    wants_addresses = false,
    wants_method = false,
  }
  spread_ranks(self, n)
  for slot = 1, n do
    add_candidate(self, slot, parts[slot])
    if pause and slot % STEPS == 0 then
      pause()
    end
  end
  for slot = n, 1, -1 do
    add_paths(self, slot, parts[slot])
    if pause and slot % STEPS == 0 then
      pause()
    end
  end
  hosts.seal(self.hosts)
  self.put = trie.insert
  if can_change then
    index.note_order(self, parts)
  end
  return self
end


-- Changes ---------------------------------------------------------------------------------------------------------------


-- What finds a part's slot: slots, best first, and their keys.
function index.note_order(self, parts)
  local n = #parts
  local order, keys = ffi.new("int32_t[?]", self.slots_max + 2), {}
  for slot = 1, n do
    order[slot] = slot
    keys[slot] = parts[slot].key
  end
  self.order, self.keys, self.free_slots = order, keys, {}
end


-- Position of the first candidate whose key is not greater (the best has the greatest).
local function position_of(self, key)
  local low, high = 1, self.cnt + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if self.keys[self.order[middle]] > key then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end


local function forget_entry(self, root, prefix, slot)
  local e = trie.remove(self.trie, root, prefix, slot)
  if e then
    self.entry_host[e], self.entry_path[e] = false, false
  end
end


local LISTS = { "routes", "services", "methods", "snis", "headers", "sources", "destinations", "tests", "protocols", "paths" }


local function is_there(self, part)
  local at = position_of(self, part.key)
  return at <= self.cnt and self.keys[self.order[at]] == part.key
end


local function remove_part(self, part)
  local at, order = position_of(self, part.key), self.order
  local slot = order[at]
  each_prefix(self, slot, part, paths_of(self, part), forget_entry)
  for i = at, self.cnt - 1 do
    order[i] = order[i + 1]
  end
  self.cnt = self.cnt - 1
  self.keys[slot] = false
  for _, name in ipairs(LISTS) do
    self[name][slot] = false
  end
  self.free_slots[#self.free_slots + 1] = slot
end


local function rank_between(self, at)
  local order, rank_of = self.order, self.rank_of
  local before = at > 1 and rank_of[order[at - 1]] or 0
  local after = at < self.cnt and rank_of[order[at + 1]] or MAX_RANK
  return before + math.floor((after - before) / 2), after - before > 1
end


local function insert_part(self, part)
  local at, order = position_of(self, part.key), self.order
  local slot = table.remove(self.free_slots) or #self.keys + 1
  for i = self.cnt, at, -1 do
    order[i + 1] = order[i]
  end
  order[at] = slot
  self.cnt = self.cnt + 1
  self.keys[slot] = part.key
  local rank, has_room = rank_between(self, at)
  if has_room then
    self.rank_of[slot] = rank
  else
    spread_ranks(self, self.cnt)
    trie.renumber(self.trie, self.rank_of)
  end
  add_candidate(self, slot, part)
  add_paths(self, slot, part)
end


-- Takes parts out and puts others in, with nothing in between that a request could see. false: it cannot be done (one of the parts
-- is not there, or there is no room), and nothing has changed.
function index.change(self, removed, added)
  local prefix_cnt, byte_cnt = index.size_of(added)
  if not self.order or not trie.has_room(self.trie, prefix_cnt, byte_cnt)
     or #self.keys - #self.free_slots + #added > self.slots_max then
    return false
  end
  for i = 1, #removed do
    if not is_there(self, removed[i]) then
      return false
    end
  end
  for i = 1, #removed do
    remove_part(self, removed[i])
  end
  for i = 1, #added do
    insert_part(self, added[i])
  end
  hosts.seal(self.hosts)
  return true
end


-- Routes of `old` are served by `new` from now on.
function index.replace_service(self, old, new)
  local services = self.services
  for slot = 1, #services do
    if services[slot] == old then
      services[slot] = new
    end
  end
end


return index
