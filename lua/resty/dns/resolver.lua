-- require "resty.dns.resolver": a DNS client over cosockets for name servers of one's own choice (UDP, TCP for long answers).
-- The gateway's own names go through kong.dns.
local bit = require "bit"
local packet = require "resty.dns.packet"

local random = math.random
local setmetatable = setmetatable
local tonumber = tonumber
local type = type

local Resolver = { _VERSION = "0.23" }
local mt = { __index = Resolver }

for name, number in pairs(packet.TYPES) do
  Resolver["TYPE_" .. name] = number
end
Resolver.CLASS_IN = 1
Resolver.SECTION_AN, Resolver.SECTION_NS, Resolver.SECTION_AR = 1, 2, 3


--- opts: nameservers (list of "ip" or { ip, port }), retrans (5), timeout (2000 ms per try), no_recurse, no_random.
function Resolver.new(_, opts)
  if not opts then
    return nil, "no options table specified"
  end
  local servers = opts.nameservers
  if not servers or #servers == 0 then
    return nil, "no nameservers specified"
  end
  local list = {}
  for i, server in ipairs(servers) do
    local sock, err = ngx.socket.udp()
    if not sock then
      return nil, "failed to create udp socket: " .. err
    end
    local host, port = server, 53
    if type(server) == "table" then
      host, port = server[1], server[2] or 53
    end
    list[i] = { host = host, port = port, sock = sock }
    sock:settimeout(opts.timeout or 2000)
  end
  return setmetatable({
    servers = list,
    cur = opts.no_random and 1 or random(#list),
    retrans = opts.retrans or 5,
    timeout = opts.timeout or 2000,
    no_recurse = opts.no_recurse,
  }, mt)
end


--- Milliseconds per try.
function Resolver.set_timeout(self, ms)
  self.timeout = ms
  for _, server in ipairs(self.servers) do
    server.sock:settimeout(ms)
  end
end


local function pick(self)
  self.cur = self.cur % #self.servers + 1
  return self.servers[self.cur]
end


local function ask_tcp(self, server, query, id, opts)
  local sock, err = ngx.socket.tcp()
  if not sock then
    return nil, "failed to create tcp socket: " .. err
  end
  sock:settimeout(self.timeout)
  local ok
  ok, err = sock:connect(server.host, server.port)
  if not ok then
    return nil, "failed to connect to TCP server " .. server.host .. ":" .. server.port .. ": " .. err
  end
  ok, err = sock:send { string.char(bit.rshift(#query, 8), bit.band(#query, 0xff)), query }
  local head, data
  if ok then
    head, err = sock:receive(2)
  end
  if head then
    data, err = sock:receive(head:byte(1) * 256 + head:byte(2))
  end
  sock:close()
  if not data then
    return nil, "failed to receive the reply from TCP server " .. server.host .. ":" .. server.port .. ": " .. err
  end
  return packet.parse(data, id, opts)
end


-- answers, or nil, err, whether another try makes sense.
local function ask_udp(server, query, id, opts)
  local sock = server.sock
  local ok, err = sock:setpeername(server.host, server.port)
  if ok then
    ok, err = sock:send(query)
  end
  if not ok then
    return nil, "failed to send request to UDP server " .. server.host .. ":" .. server.port .. ": " .. err, true
  end
  for _ = 1, 128 do -- an answer to an earlier query is passed over
    local data
    data, err = sock:receive(4096)
    if not data then
      return nil, "failed to receive reply from UDP server " .. server.host .. ":" .. server.port .. ": " .. err, true
    end
    local answers, parse_err, is_other = packet.parse(data, id, opts)
    if not is_other then
      return answers, parse_err
    end
  end
  return nil, "id mismatch", true
end


--- An array of records (with errcode and errstr when the server says no), or nil, err, tries. opts: qtype (A), additional_section,
--- authority_section.
function Resolver.query(self, name, opts, tries)
  opts = opts or {}
  local id = random(0, 65535)
  local query, err = packet.build(name, opts.qtype or packet.TYPES.A, id, not self.no_recurse)
  if not query then
    return nil, err
  end
  for i = 1, self.retrans do
    local server = pick(self)
    local answers, again
    answers, err, again = ask_udp(server, query, id, opts)
    if answers then
      return answers, nil, tries
    end
    if err == "truncated" then
      answers, err = ask_tcp(self, server, query, id, opts)
      if answers then
        return answers, nil, tries
      end
      again = true
    end
    if tries then
      tries[i] = err
    end
    if not again then
      break
    end
  end
  return nil, err, tries
end


--- As query, over TCP only.
function Resolver.tcp_query(self, name, opts)
  opts = opts or {}
  local id = random(0, 65535)
  local query, err = packet.build(name, opts.qtype or packet.TYPES.A, id, not self.no_recurse)
  if not query then
    return nil, err
  end
  return ask_tcp(self, pick(self), query, id, opts)
end


--- "fe80:0:0:0:0:0:0:1" -> "fe80::1": the longest run of zeros is left out.
function Resolver.compress_ipv6_addr(address)
  local groups = {}
  for group in (address .. ":"):gmatch("([^:]*):") do
    groups[#groups + 1] = group
  end
  if #groups ~= 8 then
    return address
  end
  local best, best_len, at = 0, 0, 1
  while at <= 8 do
    local n = 0
    while groups[at + n] == "0" do
      n = n + 1
    end
    if n > best_len then
      best, best_len = at, n
    end
    at = at + (n > 0 and n or 1)
  end
  if best_len == 0 then
    return address
  end
  return table.concat(groups, ":", 1, best - 1) .. "::" .. table.concat(groups, ":", best + best_len, 8)
end


--- "fe80::1" -> "fe80:0:0:0:0:0:0:1"
function Resolver.expand_ipv6_addr(address)
  local head, tail = address:match("^(.-)::(.*)$")
  if not head then
    return address
  end
  local function count(s)
    return s == "" and 0 or select(2, s:gsub(":", "")) + 1
  end
  local zeros = 8 - count(head) - count(tail)
  if zeros < 1 then
    return address
  end
  local parts = {}
  if head ~= "" then
    parts[1] = head
  end
  parts[#parts + 1] = ("0:"):rep(zeros):sub(1, -2)
  if tail ~= "" then
    parts[#parts + 1] = tail
  end
  return table.concat(parts, ":")
end


--- The name under which an address is looked up backwards.
function Resolver.arpa_str(address)
  if address:find(":", 1, true) then
    local digits = {}
    for group in (Resolver.expand_ipv6_addr(address) .. ":"):gmatch("(%x*):") do
      digits[#digits + 1] = ("%04x"):format(tonumber(group, 16) or 0)
    end
    return (table.concat(digits):reverse():gsub(".", "%0.")) .. "ip6.arpa"
  end
  local a, b, c, d = address:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  return d .. "." .. c .. "." .. b .. "." .. a .. ".in-addr.arpa"
end


--- Names of an address.
function Resolver.reverse_query(self, address)
  return self:query(Resolver.arpa_str(address), { qtype = packet.TYPES.PTR })
end


return Resolver
