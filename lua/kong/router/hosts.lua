-- From a Host header to the trie roots whose routes may match it: exact names, wildcards, and routes without hosts.
-- Owned by one kong.router.index. Answers are kept per Host value in a bounded cache, so a request with a known Host
-- allocates nothing. Must never fold case: Kong compares hosts as they are written.
local byte = string.byte
local find = string.find
local match = string.match
local sub = string.sub
local tonumber = tonumber

local hosts = {}

local CACHE_MAX = 2048
local DOT, STAR = byte("."), byte("*")
local NO_HOST = {}


-- Name and port of a Host value; IPv6 literals keep their brackets.
local function split_port(host)
  local name, port = match(host, "^(.-):(%d+)$")
  if name and (not find(name, ":", 1, true) or sub(name, -1) == "]") then
    return name, tonumber(port)
  end
  return host, nil
end


hosts.split_port = split_port


-- `new_root` makes an empty trie root. With `is_literal` a plain host with a port wants that port in the Host itself.
function hosts.new(new_root, is_literal)
  return {
    new_root = new_root,
    is_literal = is_literal,
    none = nil,          -- root of the routes without hosts
    exact = {},          -- "name" and "name:port"
    suffixes = {},       -- ".rest" and ".rest:port" of "*.rest"
    prefixes = {},       -- "first." and "first.:port" of "first.*"
    suffix_max = 0,
    prefix_max = 0,
    has_hosts = false,
    count_max = 1,       -- most roots one request has had
    cache = {},
    cache_cnt = 0,
  }
end


function hosts.root_of_none(self)
  if not self.none then
    self.none = self.new_root()
  end
  return self.none
end


local function root_in(self, map, key)
  local root = map[key]
  if not root then
    root = self.new_root()
    map[key] = root
  end
  return root
end


function hosts.is_wildcard(value)
  return find(value, "*", 1, true) ~= nil
end


-- Root of the routes with this configured host.
function hosts.root_of(self, value)
  self.has_hosts = true
  local name, port = split_port(value)
  local tail = port and ":" .. port or ""
  if byte(name, 1) == STAR then
    self.suffix_max = math.max(self.suffix_max, #name - 1)
    return root_in(self, self.suffixes, sub(name, 2) .. tail)
  end
  if byte(name, -1) == STAR then
    self.prefix_max = math.max(self.prefix_max, #name - 1)
    return root_in(self, self.prefixes, sub(name, 1, -2) .. tail)
  end
  return root_in(self, self.exact, name .. tail)
end


local function add(out, map, key, tail)
  local root = map[key]
  if root then
    out[#out + 1] = root
  end
  root = map[key .. tail]
  if root then
    out[#out + 1] = root
  end
end


local function add_wildcards(self, out, name, tail)
  local len = #name
  -- Something must stand in the place of the star.
  for i = math.max(2, len - self.suffix_max + 1), len do
    if byte(name, i) == DOT then
      add(out, self.suffixes, sub(name, i), tail)
    end
  end
  for i = 1, math.min(len - 1, self.prefix_max) do
    if byte(name, i) == DOT then
      add(out, self.prefixes, sub(name, 1, i), tail)
    end
  end
end


local function resolve(self, host, default_port)
  local out = { self.none }
  local name, port = split_port(host)
  local tail = ":" .. (port or default_port or "")
  if self.is_literal and not port then
    add(out, self.exact, name, "::")
  else
    add(out, self.exact, name, tail)
  end
  add_wildcards(self, out, name, tail)
  if #out > self.count_max then
    self.count_max = #out
  end
  return out
end


-- The roots for a request, shared and read-only. `default_port` stands in when the Host names no port.
function hosts.find(self, host, default_port)
  if not self.has_hosts or not host then
    return self.without_host or NO_HOST
  end
  local by_port = self.cache[default_port or 0]
  if not by_port then
    by_port = {}
    self.cache[default_port or 0] = by_port
  end
  local roots = by_port[host]
  if roots then
    return roots
  end

  roots = resolve(self, host, default_port)
  if self.cache_cnt >= CACHE_MAX then
    self.cache, self.cache_cnt = { [default_port or 0] = {} }, 0
    by_port = self.cache[default_port or 0]
  end
  by_port[host] = roots
  self.cache_cnt = self.cache_cnt + 1
  return roots
end


-- Ends the build, or a change of it.
function hosts.seal(self)
  self.cache, self.cache_cnt = {}, 0
  self.without_host = { self.none }
  return self
end


return hosts
