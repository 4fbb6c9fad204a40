-- The gateway's DNS client: names to addresses with Kong's rules for record order, hosts file, search domains, caching,
-- stale and negative answers. C (c-ares) does single queries. Answers are cached per worker; a query for a name that is
-- being asked for already waits for that one's answer.
-- Used by the balancer, by plugins as kong.dns, and by cosockets that connect to names.
-- Must never query inside a phase that cannot wait: pass cache_only there.
local address = require "kong.router.address"
local files = require "kong.dns.files"

local find = string.find
local fmt = string.format
local lower = string.lower
local max, min = math.max, math.min
local now = ngx.now

local dns = { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, TYPE_SRV = 33, TYPE_LAST = -1 }

local TYPES = { A = 1, CNAME = 5, AAAA = 28, SRV = 33 }
local TYPE_NAMES = { [1] = "A", [5] = "CNAME", [28] = "AAAA", [33] = "SRV" }
local TEN_YEARS = 10 * 365 * 24 * 60 * 60
local CACHE_MAX = 10000
local DEPTH_MAX = 10
-- How long a worker waits for another coroutine's query.
local WAIT_MAX = 15

local EMPTY_ANSWER = "dns client error: 101 empty record received"
local ONLY_CACHED = "dns client error: 100 cache only lookup failed"
local RECURSION = "dns client error: 102 recursion detected"
local SERVER_ERRORS = {
  [1] = "dns server error: 1 format error",
  [2] = "dns server error: 2 server failure",
  [3] = "dns server error: 3 name error",
  [4] = "dns server error: 4 not implemented",
  [5] = "dns server error: 5 refused",
}
-- Errors that mean "there is no such name": callers answer differently to them.
dns.NAME_ERROR, dns.EMPTY_ANSWER = SERVER_ERRORS[3], EMPTY_ANSWER

local try_list_mt = {
  __tostring = function(list)
    local out = {}
    for i = 1, #list do
      out[i] = fmt('"%s"', list[i])
    end
    return "[" .. table.concat(out, ",") .. "]"
  end,
}

local settings = {
  order = { -1, 33, 1, 5 },
  search = {},
  ndots = 1,
  hosts = { localhost = { ipv4 = "127.0.0.1", ipv6 = "[::1]" } },
  stale_ttl = 3600,
  error_ttl = 1,
  not_found_ttl = 30,
  valid_ttl = nil,
}

local cache, cache_cnt = {}, 0
local last_types = {}
local pending = {}


local function parse_order(list)
  local out = {}
  for _, name in ipairs(list) do
    name = name:upper()
    if name == "LAST" then
      out[#out + 1] = dns.TYPE_LAST
    elseif TYPES[name] then
      out[#out + 1] = TYPES[name]
    end
  end
  return out
end


-- Takes the dns_* properties of kong.conf; reads the hosts file and resolv.conf.
function dns.init(conf)
  conf = conf or {}
  local resolv = files.resolv_conf()
  settings.hosts = files.hosts(conf.dns_hostsfile)
  settings.search = resolv.search
  settings.ndots = resolv.ndots
  settings.order = parse_order(conf.dns_order or { "LAST", "SRV", "A", "CNAME" })
  settings.stale_ttl = conf.dns_stale_ttl or 3600
  settings.error_ttl = conf.dns_error_ttl or 1
  settings.not_found_ttl = conf.dns_not_found_ttl or 30
  settings.valid_ttl = conf.dns_valid_ttl
  cache, cache_cnt, last_types = {}, 0, {}
  return true
end


local function keep(key, answer)
  if cache[key] == nil then
    if cache_cnt >= CACHE_MAX then
      cache, cache_cnt = {}, 0
    end
    cache_cnt = cache_cnt + 1
  end
  cache[key] = answer
  return answer
end


local function ttl_of(records)
  if settings.valid_ttl and settings.valid_ttl > 0 then
    return settings.valid_ttl
  end
  local ttl = TEN_YEARS
  for i = 1, #records do
    ttl = min(ttl, records[i].ttl or 0)
  end
  return ttl
end


-- Records of the wanted type; an answer may carry the CNAMEs that led to them as well.
local function of_type(records, qtype)
  local out = {}
  for i = 1, #records do
    if records[i].type == qtype then
      out[#out + 1] = records[i]
    end
  end
  return out
end


-- Asks the servers and keeps the answer, whatever it is: { records | err, expires_at, stale_until }.
local function ask(key, name, qtype)
  local records, err, code = require("ngx.dns").query(name, TYPE_NAMES[qtype])
  local at = now()
  if records then
    local wanted = of_type(records, qtype)
    if #wanted > 0 then
      local ttl = ttl_of(wanted)
      wanted.ttl, wanted.name, wanted.type = ttl, name, qtype
      return keep(key, { records = wanted, ttl = ttl, expires_at = at + ttl, stale_until = at + ttl + settings.stale_ttl })
    end
    return keep(key, { err = EMPTY_ANSWER, expires_at = at + settings.not_found_ttl })
  end

  local text = SERVER_ERRORS[code] or err
  local old = cache[key]
  if old and old.records and old.stale_until and code ~= 3 and at < old.stale_until then
    old.expires_at = at + settings.error_ttl
    return old
  end
  return keep(key, { err = text, expires_at = at + (code == 3 and settings.not_found_ttl or settings.error_ttl) })
end


-- One query at a time for a name and type.
local function ask_once(key, name, qtype)
  local other = pending[key]
  if other then
    other:wait(WAIT_MAX)
    return cache[key] or { err = "dns client error: timeout" }
  end
  local sema = require("ngx.semaphore").new()
  pending[key] = sema
  local ok, answer = pcall(ask, key, name, qtype)
  pending[key] = nil
  local waiting = -sema:count()
  if waiting > 0 then
    sema:post(waiting)
  end
  if not ok then
    return { err = tostring(answer) }
  end
  return answer
end


local function refresh_in_background(key, name, qtype)
  if pending[key] then
    return
  end
  ngx.timer.at(0, function()
    ask_once(key, name, qtype)
  end)
end


-- The answer for one name and type from the cache or the servers. An old answer is good while a new one is fetched, unless
-- the caller can wait and wants it fresh.
local function lookup(name, qtype, cache_only, is_fresh)
  local key = qtype .. ":" .. name
  local answer = cache[key]
  local at = now()
  if answer then
    if at < answer.expires_at then
      return answer
    end
    if answer.records and at < answer.stale_until and not is_fresh then
      if not cache_only then
        refresh_in_background(key, name, qtype)
      end
      return answer
    end
  end
  if cache_only then
    return answer or { err = ONLY_CACHED }
  end
  return ask_once(key, name, qtype)
end


-- Fully qualified forms of a name, in the order to try them.
local function candidates(name)
  if name:sub(-1) == "." then
    return { name:sub(1, -2) }
  end
  local _, dots = name:gsub("%.", "")
  local out = {}
  if dots >= settings.ndots then
    out[1] = name
  end
  for _, domain in ipairs(settings.search) do
    out[#out + 1] = name .. "." .. domain
  end
  if dots < settings.ndots then
    out[#out + 1] = name
  end
  return out
end


local function types_for(name)
  local out, seen = {}, {}
  for _, qtype in ipairs(settings.order) do
    if qtype == dns.TYPE_LAST then
      qtype = last_types[name]
    end
    if qtype and not seen[qtype] then
      seen[qtype] = true
      out[#out + 1] = qtype
    end
  end
  return out
end


local function literal(name, qtype, ip)
  return { { name = name, type = qtype, class = 1, address = ip, ttl = TEN_YEARS }, ttl = TEN_YEARS, type = qtype, name = name }
end


-- Addresses that need no query: literals and the hosts file.
local function without_query(name)
  if address.network(name) then
    local is_v6 = find(name, ":", 1, true)
    if is_v6 and name:sub(1, 1) ~= "[" then
      name = "[" .. name .. "]"
    end
    return literal(name, is_v6 and dns.TYPE_AAAA or dns.TYPE_A, name)
  end
  local entry = settings.hosts[name]
  if not entry then
    return nil
  end
  for _, qtype in ipairs(settings.order) do
    if qtype == dns.TYPE_A and entry.ipv4 then
      return literal(name, qtype, entry.ipv4)
    end
    if qtype == dns.TYPE_AAAA and entry.ipv6 then
      return literal(name, qtype, entry.ipv6)
    end
  end
  return literal(name, entry.ipv4 and dns.TYPE_A or dns.TYPE_AAAA, entry.ipv4 or entry.ipv6)
end


local resolve


local function follow(records, cache_only, tried, depth, is_fresh)
  if records.type ~= dns.TYPE_CNAME then
    return records
  end
  local found, err = resolve(records[1].cname or records[1].target, cache_only, tried, depth + 1, is_fresh)
  return found, err
end


local function is_self_reference(records, name)
  if records.type ~= dns.TYPE_SRV or #records ~= 1 then
    return false
  end
  return lower(records[1].target or "") == name
end


-- Records of a name: the first type of the order that has any; CNAMEs are followed.
function resolve(name, cache_only, tried, depth, is_fresh)
  name = lower(name)
  local fixed = without_query(name)
  if fixed then
    return fixed
  end
  if depth > DEPTH_MAX then
    return nil, RECURSION
  end
  local err = EMPTY_ANSWER
  for _, qname in ipairs(candidates(name)) do
    for _, qtype in ipairs(types_for(name)) do
      local answer = lookup(qname, qtype, cache_only, is_fresh)
      tried[#tried + 1] = fmt("%s:%s - %s", qname, TYPE_NAMES[qtype], answer.err or "cache/answer")
      if answer.records and not is_self_reference(answer.records, qname) then
        last_types[name] = qtype
        return follow(answer.records, cache_only, tried, depth, is_fresh)
      end
      err = answer.records and RECURSION or answer.err
    end
  end
  return nil, err
end


-- Records of `name`: an array of { type, address | target, port, priority, weight, ttl } with fields ttl and type, or
-- nil, err, list of what was tried. options.fresh: no answer whose time is over, except while the servers fail.
function dns.resolve(name, options, cache_only, tried)
  tried = tried or setmetatable({}, try_list_mt)
  local records, err = resolve(name, cache_only, tried, 0, options and options.fresh)
  if not records then
    return nil, err, tried
  end
  return records, nil, tried
end


-- The records of the lowest priority number, each as often as its weight says (at least once).
local function weighted_wheel(records)
  local top = records[1].priority
  for i = 2, #records do
    top = min(top, records[i].priority)
  end
  local wheel = {}
  for i = 1, #records do
    local record = records[i]
    if record.priority == top then
      for _ = 1, max(1, min(record.weight or 1, 100)) do
        wheel[#wheel + 1] = record
      end
    end
  end
  for i = #wheel, 2, -1 do
    local j = math.random(i)
    wheel[i], wheel[j] = wheel[j], wheel[i]
  end
  return wheel
end


-- The next record in turn.
local function next_record(records)
  local wheel = records.wheel
  if not wheel then
    wheel = records.type == dns.TYPE_SRV and weighted_wheel(records) or records
    records.wheel, records.at = wheel, 0
  end
  records.at = records.at % #wheel + 1
  return wheel[records.at]
end


-- An address for a name: ip, port, tried | nil, err, tried. SRV records may replace the port.
function dns.toip(name, port, cache_only, tried)
  tried = tried or setmetatable({}, try_list_mt)
  for _ = 1, DEPTH_MAX do
    local records, err = resolve(name, cache_only, tried, 0)
    if not records then
      return nil, err, tried
    end
    local record = next_record(records)
    if records.type ~= dns.TYPE_SRV then
      return record.address, port, tried
    end
    name = record.target
    port = record.port ~= 0 and record.port or port
  end
  return nil, RECURSION, tried
end


-- Forgets what is cached.
function dns.purge()
  cache, cache_cnt, last_types = {}, 0, {}
end


return dns
