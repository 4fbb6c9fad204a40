-- Single DNS queries over c-ares, and names to addresses for cosockets. Caching, order and search domains are kong.dns's.
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C
local text = base.text
local wait = base.wait
local find = string.find
local TYPES = { A = 1, CNAME = 5, AAAA = 28, SRV = 33 }
local RCODES = { "Format error", "Server failure", "Host not found", "Unimplemented", "Refused" }

local numbers = ffi.new("struct { int type, port, priority, weight, cnt; uint32_t ttl; }")
local int_ptr = ffi.typeof("int *")
local name_out, target_out = base.new_str(), base.new_str()

local Dns = {}


local function free(query)
  C.kgw_ffi_dns_free(query)
end


local function record(query, i)
  local n = ffi.cast(int_ptr, numbers)
  C.kgw_ffi_dns_record(query, i, n, ffi.cast("uint32_t *", n + 5), name_out, target_out, n + 1, n + 2, n + 3)
  local r = { type = numbers.type, class = 1, ttl = numbers.ttl, name = text(name_out) }
  local target = text(target_out)
  if r.type == TYPES.A then
    r.address = target
  elseif r.type == TYPES.AAAA then
    r.address = "[" .. target .. "]"
  elseif r.type == TYPES.CNAME then
    r.cname = target
  else
    r.target, r.port, r.priority, r.weight = target, numbers.port, numbers.priority, numbers.weight
  end
  return r
end


--- Asks the name servers. An array of { name, type, class, ttl } with address, cname or { target, port, priority, weight }
--- (it may be empty), or nil, err, rcode. Yields. rtype: "A", "AAAA", "CNAME", "SRV" or its number.
function Dns.query(name, rtype)
  local query = ffi.gc(C.kgw_ffi_dns_new(), free)
  if C.kgw_ffi_dns_begin(query, name, TYPES[rtype] or rtype) ~= base.AGAIN then
    return nil, "query could not be sent"
  end
  wait()
  local rcode = C.kgw_ffi_dns_rcode(query, ffi.cast(int_ptr, numbers) + 4)
  if rcode == base.TIMEOUT then
    return nil, "timeout"
  elseif rcode ~= 0 then
    return nil, RCODES[rcode] or "query failed", rcode > 0 and rcode or nil
  end
  local records = {}
  for i = 1, numbers.cnt do
    records[i] = record(query, i - 1)
  end
  return records
end


local hosts


local function from_hosts_file(name)
  if not hosts then
    hosts = { localhost = "127.0.0.1" }
    local file = io.open("/etc/hosts")
    for line in file and file:lines() or function() end do
      local ip, names = line:gsub("#.*", ""):match("^%s*(%S+)%s+(.+)$")
      for each in (names or ""):gmatch("%S+") do
        hosts[each:lower()] = hosts[each:lower()] or ip
      end
    end
    if file then
      file:close()
    end
  end
  return hosts[name:lower()]
end


-- Without a gateway (scripts, the test runner).
local function plain_toip(host, port)
  local ip = from_hosts_file(host)
  if ip then
    return ip, port
  end
  local err, code
  for _, rtype in ipairs { "A", "AAAA" } do
    local records
    records, err, code = Dns.query(host, rtype)
    for _, r in ipairs(records or {}) do
      if r.address then
        return r.address, port
      end
    end
  end
  code = code or 3
  return nil, host .. " could not be resolved (" .. code .. ": " .. (RCODES[code] or err) .. ")"
end


--- An address for a host name: ip, port, or nil, err. Addresses are handed back as they are.
function Dns.toip(host, port)
  if find(host, "^[%d.]+$") or find(host, ":", 1, true) then
    return host, port
  end
  local client = package.loaded["kong.dns"]
  if not client then
    return plain_toip(host, port)
  end
  local ip, real_port, tried = client.toip(host, port)
  if not ip then
    return nil, "[cosocket] DNS resolution failed: " .. tostring(real_port) .. ". Tried: " .. tostring(tried)
  end
  return ip, real_port
end


return Dns
