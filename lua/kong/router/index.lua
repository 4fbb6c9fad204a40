-- Everything a router looks up: the tries of path prefixes by host, and what each ranked candidate still has to be
-- asked. Built once by kong.router.new, read-only afterwards. A candidate is a route or a part of one; rank 1 is the
-- best. Must never depend on the flavour beyond what kong.router passes in.
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


local function size_of(parts)
  local prefix_cnt, byte_cnt = 0, 0
  for i = 1, #parts do
    local part = parts[i]
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
    prefix_cnt = prefix_cnt + host_cnt * (path_cnt + 1)
    byte_cnt = byte_cnt + host_cnt * len
  end
  return prefix_cnt, byte_cnt
end


local function add_check(self, rank, list, value, check)
  list[rank] = value
  if value then
    self.checks[rank] = self.checks[rank] + check
  end
end


local function add_candidate(self, rank, part, pools)
  local route = part.entry.route
  self.routes[rank] = route
  self.services[rank] = part.entry.service or false
  self.checks[rank] = 0
  add_check(self, rank, self.tests, part.test or false, CHECK.EXPRESSION)
  add_check(self, rank, self.protocols, part.protocols or false, CHECK.PROTOCOL)
  if part.is_expression then
    return
  end
  add_check(self, rank, self.methods, attributes.methods(route, pools.methods), CHECK.METHOD)
  add_check(self, rank, self.snis, attributes.snis(route), CHECK.SNI)
  add_check(self, rank, self.headers, attributes.headers(route, self.is_compatible), CHECK.HEADER)
  add_check(self, rank, self.sources, attributes.addresses(route.sources), CHECK.SOURCE)
  add_check(self, rank, self.destinations, attributes.addresses(route.destinations), CHECK.DESTINATION)
  if self.methods[rank] then
    self.wants_method = true
  end
  if self.sources[rank] or self.destinations[rank] then
    self.wants_addresses = true
  end
end


local function add_entry(self, root, prefix, rank, host, path)
  local e = trie.add(self.trie, root, prefix, rank)
  self.entry_host[e] = host
  self.entry_path[e] = path
  if #prefix > self.prefix_max then
    self.prefix_max = #prefix
  end
end


local function add_to_root(self, root, rank, host, part, paths)
  if part.plain then
    for i = 1, #part.plain do
      add_entry(self, root, part.plain[i], rank, host, part.plain[i])
    end
  elseif #paths > 0 then
    for i = 1, #paths do
      add_entry(self, root, paths[i].prefix, rank, host, paths[i].value)
    end
  else
    add_entry(self, root, "", rank, host, false)
  end
end


local function add_paths(self, rank, part)
  local route = part.entry.route
  local paths = part.is_expression and {} or compile_paths(part, self.is_compatible)
  local has_regex = false
  for i = 1, #paths do
    has_regex = has_regex or paths[i].pattern ~= nil
  end
  if has_regex then
    self.checks[rank] = self.checks[rank] + CHECK.REGEX
  end
  -- Kept only where a request has to choose among them.
  self.paths[rank] = (has_regex or #paths > 1) and paths or false

  if part.is_expression or not is_set(route.hosts) then
    return add_to_root(self, hosts.root_of_none(self.hosts), rank, false, part, paths)
  end
  for _, host in ipairs(route.hosts) do
    add_to_root(self, hosts.root_of(self.hosts, host), rank, host, part, paths)
  end
end


-- `parts` come in order, best first; `pause` is called between steps. Returns index | nil, err.
function index.new(parts, is_compatible, pause)
  local prefixes, err = trie.new(size_of(parts))
  if not prefixes then
    return nil, err
  end
  if pause then
    pause()
  end
  local n = #parts
  local self = {
    is_compatible = is_compatible,
    trie = prefixes,
    hosts = hosts.new(function()
      return trie.new_root(prefixes)
    end, not is_compatible),
    checks = ffi.new("uint8_t[?]", n + 1),
    routes = {}, services = {}, methods = {}, snis = {}, headers = {}, sources = {}, destinations = {},
    tests = {}, protocols = {},
    paths = {},
    entry_host = {}, entry_path = {},
    prefix_max = 0,
    wants_addresses = false,
    wants_method = false,
  }
  local pools = { methods = {} }
  for rank = 1, n do
    add_candidate(self, rank, parts[rank], pools)
    if pause and rank % STEPS == 0 then
      pause()
    end
  end
  for rank = n, 1, -1 do
    add_paths(self, rank, parts[rank])
    if pause and rank % STEPS == 0 then
      pause()
    end
  end
  hosts.seal(self.hosts)
  return self
end


return index
