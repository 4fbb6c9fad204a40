-- What the flavour traditional looks at before it compares routes one by one. A request "hits" kinds of attributes: some
-- route knows its host, its path, its method and so on. The kinds hit form a category; when routes of exactly that category
-- exist, routes of better categories are not asked any more. Within a category the routes that share one hit value (those
-- of the kind with the fewest) come before the rest.
-- Built by kong.router.new from the ordered parts, read by kong.router on requests.
local attributes = require "kong.router.attributes"
local bit = require "bit"
local hosts = require "kong.router.hosts"
local regex = require "kong.router.regex"
local trie = require "kong.router.trie"

local band, bor = bit.band, bit.bor
local byte = string.byte
local find = string.find
local is_set = attributes.is_set
local lower = string.lower
local sub = string.sub

local traditional_hits = {}
local mt = { __index = traditional_hits }

local HOST, HEADER, URI, METHOD, SNI = 0x40, 0x20, 0x10, 0x08, 0x04
local TILDE = byte("~")
local CACHE_MAX = 2048
-- Ranks of plain paths come behind those of all regexes.
local PLAIN_RANK = 0x40000000


local function count(map, key)
  map[key] = (map[key] or 0) + 1
end


local function new_category()
  return { hosts = {}, headers = {}, uris = {}, methods = {}, snis = {} }
end


-- The pattern that a wildcard host stands for, on a Host with its port.
local function wildcard_pattern(host)
  local _, port = hosts.split_port(host)
  local pattern = host:gsub("[%.%-%[%]]", "\\%0"):gsub("%*", ".+")
  return "^" .. pattern .. (port and "$" or "(?::\\d+)?$")
end


local function add_hosts(self, category, route)
  for _, host in ipairs(is_set(route.hosts) and route.hosts or {}) do
    count(category.hosts, host)
    if find(host, "*", 1, true) then
      table.insert(self.wildcards, { value = host, pattern = wildcard_pattern(host) })
    else
      self.hosts[host] = true
    end
  end
end


local function add_attributes(self, category, route)
  for name in pairs(is_set(route.headers) and route.headers or {}) do
    name = lower(name)
    count(category.headers, name)
    if not self.header_set[name] then
      self.header_set[name] = true
      table.insert(self.headers, name)
    end
  end
  for _, name in ipairs(is_set(route.methods) and route.methods or {}) do
    count(category.methods, name:upper())
    self.methods[name:upper()] = true
  end
  for _, name in ipairs(is_set(route.snis) and route.snis or {}) do
    name = byte(name, -1) == 46 and #name > 1 and sub(name, 1, -2) or name
    count(category.snis, name)
    self.snis[name] = true
  end
end


local function add_path(self, category, path)
  count(category.uris, path)
  if self.uri_set[path] then
    return
  end
  self.uri_set[path] = true
  if byte(path, 1) == TILDE then
    local pattern, options = regex.pcre(sub(path, 2))
    table.insert(self.regexes, { value = path, pattern = pattern, options = "a" .. options,
                                 prefix = regex.literal_prefix(sub(path, 2)) })
  else
    table.insert(self.plain, path)
  end
end


-- Trie of all paths: regexes by their literal beginning in order, then plain ones, longest first.
local function build_trie(self)
  table.sort(self.plain, function(a, b)
    return #a > #b
  end)
  local bytes = 0
  for i = 1, #self.plain do
    bytes = bytes + #self.plain[i]
  end
  for i = 1, #self.regexes do
    bytes = bytes + #self.regexes[i].prefix
  end
  self.trie = trie.new(#self.plain + #self.regexes + 1, bytes)
  self.root = trie.new_root(self.trie)
  for i = #self.plain, 1, -1 do
    trie.add(self.trie, self.root, self.plain[i], PLAIN_RANK + i)
  end
  for i = #self.regexes, 1, -1 do
    trie.add(self.trie, self.root, self.regexes[i].prefix, i)
  end
  self.cursors = require("ffi").new("int32_t[?]", bytes + 2)
end


-- `parts` as kong.router.traditional.order gives them; `pause` is called between steps.
function traditional_hits.new(parts, pause)
  local self = setmetatable({
    categories = {}, category_of = {}, first_rank = {}, lookup = {},
    hosts = {}, wildcards = {}, host_cache = {}, host_cnt = 0,
    headers = {}, header_set = {}, methods = {}, snis = {},
    uri_set = {}, regexes = {}, plain = {},
  }, mt)
  local last
  for rank, part in ipairs(parts) do
    if pause and rank % 64 == 0 then
      pause()
    end
    if part.category ~= last then
      last = part.category
      table.insert(self.categories, new_category())
      self.first_rank[#self.categories] = rank
      self.lookup[last] = #self.categories
    end
    local category = self.categories[#self.categories]
    category.bits = last
    self.category_of[rank] = #self.categories
    add_hosts(self, category, part.entry.route)
    add_attributes(self, category, part.entry.route)
    if part.paths then
      add_path(self, category, part.paths[1])
    end
  end
  build_trie(self)
  return self
end


-- Whether a route knows this Host, and the wildcard that does; kept per Host.
local function host_hit(self, host, default_port)
  local key = host .. "|" .. (default_port or "")
  local known = self.host_cache[key]
  if known ~= nil then
    return known
  end
  local name, port = hosts.split_port(host)
  local with_port = name .. ":" .. (port or default_port or "")
  local hit = false
  if self.hosts[with_port] or self.hosts[name] then
    hit = host
  else
    for i = 1, #self.wildcards do
      if regex.is_found(with_port, self.wildcards[i].pattern, "jo") then
        hit = self.wildcards[i].value
        break
      end
    end
  end
  if self.host_cnt >= CACHE_MAX then
    self.host_cache, self.host_cnt = {}, 0
  end
  self.host_cache[key], self.host_cnt = hit, self.host_cnt + 1
  return hit
end


-- The first regex that matches, else the longest plain path.
local function uri_hit(self, bytes, len, path)
  local entries, cursors = self.trie.entries, self.cursors
  local cnt = trie.collect(self.trie, self.root, bytes, len, cursors, 0)
  local best
  for c = 0, cnt - 1 do
    local e = cursors[c]
    while e ~= 0 do
      local rank = entries[e].rank
      if (not best or rank < best) and (rank >= PLAIN_RANK
         or regex.is_found(path, self.regexes[rank].pattern, self.regexes[rank].options)) then
        best = rank
      end
      e = entries[e].next
    end
  end
  if not best then
    return nil
  end
  return best >= PLAIN_RANK and self.plain[best - PLAIN_RANK] or self.regexes[best].value
end


-- Fills `out` with what the request hits: { host, header, uri, method, sni, first_rank }; nil when it hits nothing.
function traditional_hits:find(out, bytes, len, path, method, host, default_port, sni, get_header)
  out.host = host and host_hit(self, host, default_port) or nil
  out.header, out.method, out.sni = nil, nil, nil
  for i = 1, #self.headers do
    if get_header(self.headers[i]) ~= nil then
      out.header = self.headers[i]
      break
    end
  end
  out.uri = uri_hit(self, bytes, len, path)
  out.method = self.methods[method] and method or nil
  out.sni = sni and self.snis[sni] and sni or nil
  local bits = bor(out.host and HOST or 0, out.header and HEADER or 0, out.uri and URI or 0, out.method and METHOD or 0,
             out.sni and SNI or 0)
  local position = self.lookup[bits] or 1
  out.first_rank = self.first_rank[position] or 1
  return bits ~= 0
end


local function has(list, value, is_lower)
  for i = 1, #list do
    if list[i] == value or (is_lower and lower(list[i]) == value) then
      return true
    end
  end
  return false
end


-- Whether the route of `rank` belongs to those that its category asks first.
function traditional_hits:is_preferred(rank, route, path, hits)
  local category = self.categories[self.category_of[rank]]
  local bits = category.bits
  local kind, fewest
  local function consider(bit_of, name, hit)
    if band(bits, bit_of) == 0 or not hit then
      return
    end
    local cnt = category[name][hit]
    if cnt and (not fewest or cnt < fewest) then
      kind, fewest = name, cnt
    end
  end
  consider(HOST, "hosts", hits.host)
  if band(bits, HEADER) ~= 0 and hits.header and category.headers[hits.header] then
    for name in pairs(route.headers) do
      if lower(name) == hits.header then
        return true
      end
    end
    return false
  end
  consider(URI, "uris", hits.uri)
  consider(METHOD, "methods", hits.method)
  consider(SNI, "snis", hits.sni)
  if kind == "hosts" then
    return has(route.hosts, hits.host)
  elseif kind == "uris" then
    return path == hits.uri
  elseif kind == "methods" then
    return has(route.methods, hits.method) or has(route.methods, lower(hits.method))
  elseif kind == "snis" then
    return has(route.snis, hits.sni) or has(route.snis, hits.sni .. ".")
  end
  return false
end


return traditional_hits
