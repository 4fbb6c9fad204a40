-- DNS messages (RFC 1035) for resty.dns.resolver: a query as bytes, an answer as records.
local bit = require "bit"

local band, rshift = bit.band, bit.rshift
local byte = string.byte
local char = string.char
local concat = table.concat
local fmt = string.format
local sub = string.sub

local Packet = {
  TYPES = { A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, MX = 15, TXT = 16, AAAA = 28, SRV = 33, SPF = 99 },
}
local T = Packet.TYPES
local ERRORS = { "format error", "server failure", "name error", "not implemented", "refused" }
local JUMPS_MAX = 64


local function u16(s, at)
  local a, b = byte(s, at, at + 1)
  if not b then
    error("truncated message", 0)
  end
  return a * 256 + b
end


local function u32(s, at)
  return u16(s, at) * 65536 + u16(s, at + 2)
end


--- The query's bytes, or nil, err.
function Packet.build(name, qtype, id, is_recursive)
  if byte(name, 1) == 46 then
    return nil, "bad name"
  end
  local parts = { char(rshift(id, 8), band(id, 0xff), is_recursive and 1 or 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) }
  for label in name:gmatch("[^.]+") do
    if #label > 63 then
      return nil, "bad name"
    end
    parts[#parts + 1] = char(#label) .. label
  end
  parts[#parts + 1] = char(0, rshift(qtype, 8), band(qtype, 0xff), 0, 1)
  return concat(parts)
end


-- A name at `at`: its text and the position behind it.
local function read_name(s, at)
  local labels, after, jumps = {}, nil, 0
  while true do
    local n = byte(s, at)
    if not n then
      error("truncated message", 0)
    end
    if n == 0 then
      return concat(labels, "."), after or at + 1
    elseif n >= 0xc0 then
      after = after or at + 2
      at = band(u16(s, at), 0x3fff) + 1
      jumps = jumps + 1
      if jumps > JUMPS_MAX then
        error("name with a loop", 0)
      end
    else
      labels[#labels + 1] = sub(s, at + 1, at + n)
      at = at + n + 1
    end
  end
end


local function read_texts(s, at, size)
  local list, stop = {}, at + size
  while at < stop do
    local n = byte(s, at)
    list[#list + 1] = sub(s, at + 1, at + n)
    at = at + n + 1
  end
  return #list > 1 and list or list[1] or ""
end


local READERS = {
  [T.A] = function(r, s, at)
    r.address = fmt("%d.%d.%d.%d", byte(s, at, at + 3))
  end,
  [T.AAAA] = function(r, s, at)
    local groups = {}
    for i = 0, 7 do
      groups[i + 1] = fmt("%x", u16(s, at + 2 * i))
    end
    r.address = concat(groups, ":")
  end,
  [T.CNAME] = function(r, s, at)
    r.cname = read_name(s, at)
  end,
  [T.NS] = function(r, s, at)
    r.nsdname = read_name(s, at)
  end,
  [T.PTR] = function(r, s, at)
    r.ptrdname = read_name(s, at)
  end,
  [T.MX] = function(r, s, at)
    r.preference = u16(s, at)
    r.exchange = read_name(s, at + 2)
  end,
  [T.SRV] = function(r, s, at)
    r.priority, r.weight, r.port = u16(s, at), u16(s, at + 2), u16(s, at + 4)
    r.target = read_name(s, at + 6)
  end,
  [T.SOA] = function(r, s, at)
    r.mname, at = read_name(s, at)
    r.rname, at = read_name(s, at)
    r.serial, r.refresh, r.retry, r.expire, r.minimum = u32(s, at), u32(s, at + 4), u32(s, at + 8), u32(s, at + 12), u32(s, at + 16)
  end,
  [T.TXT] = function(r, s, at, size)
    r.txt = read_texts(s, at, size)
  end,
  [T.SPF] = function(r, s, at, size)
    r.spf = read_texts(s, at, size)
  end,
}


local function read_section(s, at, n, section, records)
  for _ = 1, n do
    local r = { section = section }
    r.name, at = read_name(s, at)
    r.type, r.class, r.ttl = u16(s, at), u16(s, at + 2), u32(s, at + 4)
    local size = u16(s, at + 8)
    at = at + 10
    local read = READERS[r.type]
    if at + size - 1 > #s then
      error("truncated message", 0)
    elseif read then
      read(r, s, at, size)
    else
      r.rdata = sub(s, at, at + size - 1)
    end
    at = at + size
    if records then
      records[#records + 1] = r
    end
  end
  return at
end


local function parse(s, opts)
  local records = {}
  local rcode = band(byte(s, 4), 0x0f)
  if rcode ~= 0 then
    records.errcode, records.errstr = rcode, ERRORS[rcode] or "unknown"
  end
  local at = 13
  for _ = 1, u16(s, 5) do
    local _, after = read_name(s, at)
    at = after + 4
  end
  at = read_section(s, at, u16(s, 7), 1, records)
  if opts.authority_section or opts.additional_section then
    at = read_section(s, at, u16(s, 9), 2, opts.authority_section and records)
  end
  if opts.additional_section then
    read_section(s, at, u16(s, 11), 3, records)
  end
  return records
end


--- Records of an answer to the query `id`; or nil, err ("truncated": ask over TCP), true when it answers another query.
function Packet.parse(s, id, opts)
  if #s < 12 then
    return nil, "truncated message"
  elseif u16(s, 1) ~= id then
    return nil, "id mismatch", true
  end
  local flags = byte(s, 3)
  if band(flags, 0x80) == 0 then
    return nil, "bad QR flag in the DNS response"
  elseif band(flags, 0x02) ~= 0 then
    return nil, "truncated"
  end
  local ok, records = pcall(parse, s, opts)
  if not ok then
    return nil, records
  end
  return records
end


return Packet
