-- Finds the route of a request. kong.runloop builds a router from the entities (`new`) and asks it once per request or
-- connection (`select`). A new configuration means a new router, or a few routes exchanged in one go (`change`).
-- Must never read ngx.* request data itself: everything comes in by argument.
local attributes = require "kong.router.attributes"
local compatible = require "kong.router.compatible"
local loops = require "ngx.bytes"
local expressions = require "kong.router.expressions"
local ffi = require "ffi"
local hosts = require "kong.router.hosts"
local index = require "kong.router.index"
local regex = require "kong.router.regex"
local bit = require "bit"
local traditional = require "kong.router.traditional"
local traditional_hits = require "kong.router.traditional_hits"
local trie = require "kong.router.trie"

local band = bit.band
local cast = ffi.cast
local best_cursor = loops.best
local collect = trie.collect
local is_ascii = loops.is_ascii
local ffi_string = ffi.string
local find_roots = hosts.find
local match_start = regex.match_start
local sub = string.sub
local validate_utf8 = require("kong.tools.string").validate_utf8
local u8 = ffi.typeof("const uint8_t *")

local router = {}
local mt = { __index = router }

local CHECK = index.CHECK
local ORDERS = {
  traditional_compatible = compatible.order,
  traditional = traditional.order,
  expressions = expressions.order,
}
local REGEX_OR_EXPRESSION = CHECK.REGEX + CHECK.EXPRESSION
local HTTP_PROTOCOLS = { http = true, https = true, grpc = true, grpcs = true }
local STREAM_PROTOCOLS = { tcp = true, tls = true, udp = true, tls_passthrough = true }
-- The scheme of a request whose SNI counts.
local WITH_SNI = { https = true, grpcs = true, tls = true, tls_passthrough = true }


local function belongs(route, protocols)
  local list = route.protocols
  if not attributes.is_set(list) then
    return protocols == HTTP_PROTOCOLS
  end
  for i = 1, #list do
    if protocols[list[i]] then
      return true
    end
  end
  return false
end


-- Routes of this subsystem whose service is not switched off.
local function usable(entries, subsystem, pause)
  local protocols = subsystem == "stream" and STREAM_PROTOCOLS or HTTP_PROTOCOLS
  local out = {}
  for i = 1, #entries do
    local entry = entries[i]
    if belongs(entry.route, protocols) and not (entry.service and entry.service.enabled == false) then
      out[#out + 1] = entry
    end
    if pause and i % 128 == 0 then
      pause()
    end
  end
  return out
end


-- What callers keep in matches is of no use any more (the plugins changed).
function router:forget_matches()
  self.plain_matches = {}
end


-- What callers need not find out when no route asks for it.
local function note_wants(self)
  local built, is_free = self.index, self.flavor == "expressions"
  self.wants_method = built.wants_method or is_free
  self.wants_host = built.hosts.has_hosts or is_free
  self.wants_port = built.hosts.has_hosts or is_free
  self.wants_addresses = built.wants_addresses or is_free
end


-- entries = array of { route, service | nil }; opts.flavor, opts.subsystem ("http" or "stream"), opts.pause (called between steps of the
-- build; nil: none).
function router.new(entries, opts)
  local flavor = opts and opts.flavor or "traditional_compatible"
  local subsystem = opts and opts.subsystem or "http"
  local order = ORDERS[flavor]
  if not order then
    return nil, "unknown router flavor: " .. tostring(flavor)
  end

  local is_compatible = flavor ~= "traditional"
  local parts, err = order(usable(entries, subsystem, opts and opts.pause), subsystem, opts and opts.pause)
  if not parts then
    return nil, err
  end
  local built
  built, err = index.new(parts, is_compatible, opts and opts.pause, order == compatible.order and subsystem == "http")
  if not built then
    return nil, err
  end
  local self = setmetatable({
    flavor = flavor,
    is_compatible = is_compatible,
    request = {},
    hits = flavor == "traditional" and subsystem == "http" and traditional_hits.new(parts, opts and opts.pause) or nil,
    index = built,
    plain_matches = {},
    cursors = ffi.new("int32_t[?]", 64),
    cursors_max = 64,
  }, mt)
  note_wants(self)
  return self
end


local function is_enabled(service)
  return not service or service.enabled ~= false
end


-- Exchanges a few routes between two requests: removed = array of routes, added = array of { route, service | nil }, services = array of
-- { old, new } that other routes refer to. false: it takes a new router (the flavour, too many changes, a service that is
-- switched on or off), and nothing has changed.
function router:change(removed, added, services)
  if not self.index.order then
    return false
  end
  for i = 1, #services do
    if is_enabled(services[i].old) ~= is_enabled(services[i].new) then
      return false
    end
  end
  local old_parts = {}
  for i = 1, #removed do
    for _, part in ipairs(compatible.known(removed[i]) or {}) do
      old_parts[#old_parts + 1] = part
    end
  end
  local parts, fresh = compatible.parts(usable(added, "http"))
  if not index.change(self.index, old_parts, parts) then
    return false
  end
  compatible.exchange(removed, fresh)
  for i = 1, #services do
    index.replace_service(self.index, services[i].old, services[i].new)
  end
  note_wants(self)
  self:forget_matches()
  return true
end


-- The match of an entry without captures is always the same table: built on first use, then shared and read-only.
local function plain_match(self, entry, slot)
  local built = self.index
  local path = built.entry_path[entry] or nil
  local match = {
    route = built.routes[slot],
    service = built.services[slot] or nil,
    prefix = path,
    matches = { uri = path, host = built.entry_host[entry] or nil },
  }
  self.plain_matches[entry] = match
  return match
end


local function regex_match(self, entry, slot, value, prefix, captures)
  local built = self.index
  return {
    route = built.routes[slot],
    service = built.services[slot] or nil,
    prefix = prefix,
    matches = { uri = value, uri_captures = captures, host = built.entry_host[entry] or nil },
  }
end


-- First of the candidate's paths that matches, in declared order.
local function match_paths(self, entry, slot, path)
  local paths = self.index.paths[slot]
  for i = 1, #paths do
    local item = paths[i]
    if item.pattern then
      local captures = match_start(path, item.pattern, item.options)
      if captures then
        return regex_match(self, entry, slot, item.value, captures[0], captures)
      end
    elseif sub(path, 1, #item.value) == item.value then
      return regex_match(self, entry, slot, item.value, item.value, nil)
    end
  end
  return nil
end


-- The match of an expression, or nil.
local function match_expression(self, entry, slot, method, host, path, scheme, sni, src_ip, src_port, dst_ip, dst_port,
                                get_header, get_queries)
  local request = self.request
  local name, port = hosts.split_port(host or "")
  request.method, request.path, request.protocol, request.sni = method, path, scheme, sni
  request.host, request.dst_port = name, port or dst_port
  request.src_ip, request.src_port, request.dst_ip = src_ip, src_port, dst_ip
  request.get_header, request.get_queries = get_header, get_queries
  request.segments, request.queries, request.matched, request.captures = nil, nil, nil, nil
  if not self.index.tests[slot](request) then
    return nil
  end
  return regex_match(self, entry, slot, request.matched, request.matched, request.captures)
end


local function passes(built, slot, checks, method, scheme, sni, src_ip, src_port, dst_ip, dst_port, get_header)
  if band(checks, CHECK.PROTOCOL) ~= 0 and not built.protocols[slot][scheme] then
    return false
  end
  if band(checks, CHECK.METHOD) ~= 0 and not built.methods[slot][method] then
    return false
  end
  if band(checks, CHECK.SNI) ~= 0 and WITH_SNI[scheme] and not attributes.match_sni(built.snis[slot], sni) then
    return false
  end
  if band(checks, CHECK.SOURCE) ~= 0
     and not attributes.match_addresses(built.sources[slot], src_ip, src_port) then
    return false
  end
  if band(checks, CHECK.DESTINATION) ~= 0
     and not attributes.match_addresses(built.destinations[slot], dst_ip, dst_port) then
    return false
  end
  return band(checks, CHECK.HEADER) == 0 or attributes.match_headers(built.headers[slot], get_header)
end


-- Fills self.cursors with the lists of candidates for this host and path; returns how many.
local function gather(self, host, path, len, default_port)
  local built = self.index
  local roots = find_roots(built.hosts, host, default_port)
  local root_cnt = #roots
  if root_cnt == 0 then
    return 0
  end
  local room = root_cnt * (built.prefix_max + 2)
  if room > self.cursors_max then
    self.cursors = ffi.new("int32_t[?]", room)
    self.cursors_max = room
  end
  local prefixes, cursors = built.trie, self.cursors
  local cnt = collect(prefixes, roots[1], path, len, cursors, 0)
  if root_cnt > 1 then
    for i = 2, root_cnt do
      cnt = collect(prefixes, roots[i], path, len, cursors, cnt)
    end
  end
  return cnt
end


-- Best candidate that matches, walking all lists in rank order; a match | nil.
local function select_walking(self, cnt, bytes, len, method, host, scheme, sni, src_ip, src_port, dst_ip, dst_port, get_header,
                            get_queries)
  local built = self.index
  local entries, cursors, checks_of = built.trie.entries, self.cursors, built.checks
  while true do
    local at, slot = best_cursor(entries, cursors, cnt)
    if at < 0 then
      return nil
    end
    local entry = cursors[at]
    local checks = checks_of[slot]
    if checks == 0 then
      return self.plain_matches[entry] or plain_match(self, entry, slot)
    end
    if passes(built, slot, checks, method, scheme, sni, src_ip, src_port, dst_ip, dst_port, get_header) then
      if band(checks, REGEX_OR_EXPRESSION) == 0 then
        return self.plain_matches[entry] or plain_match(self, entry, slot)
      end
      local match
      local path = ffi_string(bytes, len)
      if band(checks, CHECK.REGEX) ~= 0 then
        match = match_paths(self, entry, slot, path)
      else
        match = match_expression(self, entry, slot, method, host, path, scheme, sni, src_ip, src_port, dst_ip, dst_port,
                                 get_header, get_queries)
      end
      if match then
        return match
      end
    end
    cursors[at] = entries[entry].next
  end
end


-- The same; a best candidate without further conditions, the usual case, is found without a loop and so in one trace.
local function select_first(self, cnt, bytes, len, method, host, scheme, sni, src_ip, src_port, dst_ip, dst_port, get_header,
                            get_queries)
  local at, slot = best_cursor(self.index.trie.entries, self.cursors, cnt)
  if at < 0 then
    return nil
  end
  if self.index.checks[slot] == 0 then
    local entry = self.cursors[at]
    return self.plain_matches[entry] or plain_match(self, entry, slot)
  end
  return select_walking(self, cnt, bytes, len, method, host, scheme, sni, src_ip, src_port, dst_ip, dst_port, get_header,
                        get_queries)
end


-- The same for the flavour traditional, which leaves out categories better than the request's own and prefers, within
-- a category, routes that share a hit (see kong.router.traditional_hits).
local function select_traditional(self, cnt, bytes, len, method, host, scheme, sni, default_port, src_ip, src_port, dst_ip,
                                  dst_port, get_header)
  local built, hits, path = self.index, self.hits, ffi_string(bytes, len)
  local entries, cursors = built.trie.entries, self.cursors
  local known = self.request
  if not hits:find(known, bytes, len, path, method, host, default_port, sni, get_header) then
    return nil
  end
  local found, found_category
  while true do
    local at, slot = best_cursor(entries, cursors, cnt)
    if at < 0 or (found and hits.category_of[slot] ~= found_category) then
      return found
    end
    local entry = cursors[at]
    cursors[at] = entries[entry].next
    local checks = built.checks[slot]
    if slot >= known.first_rank
       and passes(built, slot, checks, method, scheme, sni, src_ip, src_port, dst_ip, dst_port, get_header) then
      local match
      if band(checks, CHECK.REGEX) ~= 0 then
        match = match_paths(self, entry, slot, path)
      else
        match = self.plain_matches[entry] or plain_match(self, entry, slot)
      end
      if match then
        if hits:is_preferred(slot, match.route, match.matches.uri, known) then
          return match
        end
        if not found then
          found, found_category = match, hits.category_of[slot]
        end
      end
    end
  end
end


-- The route for a request, or nil. `bytes` and `len` are the normalised path (no bytes for streams), valid during the call.
-- `method` and `host` (as received) may be nil unless self.wants_method or self.wants_host, the port of the listener unless
-- wants_port, addresses unless wants_addresses. `get_header(lower_name)` gives nil, a string or an array,
-- `get_queries()` all query arguments likewise. The result is { route, service, prefix, matches }; callers may keep a `record` in it and must
-- not change anything else.
function router:select_bytes(bytes, len, method, host, scheme, sni, src_ip, src_port, dst_ip, dst_port, get_header, get_queries)
  if self.hits then
    local default_port = WITH_SNI[scheme] and 443 or 80
    local cnt = gather(self, host, bytes, len, default_port)
    return select_traditional(self, cnt, bytes, len, method, host, scheme, sni, default_port, src_ip, src_port, dst_ip,
                              dst_port, get_header)
  end
  -- Rust takes text only: a path with bytes that are no UTF-8 matches no route of the compatible flavour.
  if self.is_compatible and not is_ascii(bytes, len) and not validate_utf8(ffi_string(bytes, len)) then
    return nil
  end
  local cnt = gather(self, host, bytes, len, WITH_SNI[scheme] and not self.is_compatible and 443 or dst_port)
  return select_first(self, cnt, bytes, len, method, host, scheme, sni, src_ip, src_port, dst_ip, dst_port, get_header, get_queries)
end


-- The same with the path as text.
function router:select(method, host, path, ...)
  path = path or ""
  return self:select_bytes(cast(u8, path), #path, method, host, ...)
end


return router
