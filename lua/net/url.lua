-- require "net.url": parses, changes and builds URLs and query strings, with the interface of the rock net-url. A URL is a table with
-- scheme, authority, userinfo, user, password, host, port, path, query (a table) and fragment; tostring builds it again.
local byte = string.byte
local char = string.char
local concat = table.concat
local find = string.find
local format = string.format
local gsub = string.gsub
local lower = string.lower
local match = string.match
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber
local tostring = tostring
local type = type

local url = { version = "1.2" }


local function set_of(chars)
  local set = {}
  for c in chars:gmatch(".") do
    set[c] = true
  end
  return set
end


--- separator: between query parameters; cumulative_parameters: parameters of one name become a list; legal_in_path, legal_in_query: what
--- is not encoded beside letters and digits; query_plus_is_space: how "+" is read.
url.options = {
  separator = "&",
  cumulative_parameters = false,
  legal_in_path = set_of(":-_.!~*'()@&=$,;"),
  legal_in_query = set_of(":-_.,!~*';()@$"),
  query_plus_is_space = true,
}

--- Ports that need not be written, by scheme.
url.services = {
  acap = 674, afs = 1483, cap = 1026, dict = 2628, ftp = 21, gopher = 70, http = 80, https = 443, iax = 4569, icap = 1344, imap = 143,
  ipp = 631, jms = 5673, ldap = 389, mtqp = 1038, mupdate = 3905, news = 2009, nfs = 2049, nntp = 119, prospero = 191, rsync = 873,
  rtsp = 554, sip = 5060, snmp = 161, telnet = 23, tftp = 69, vemmi = 575, videotex = 516,
}

local LEGAL_IN_NAME = set_of("-_.")


local function decode_byte(hex)
  return char(tonumber(hex, 16))
end


local function decode(text)
  return (gsub(text, "%%(%x%x)", decode_byte))
end


local function encode(text, legal)
  return (gsub(text, "%W", function(c)
    return legal[c] and c or format("%%%02X", byte(c))
  end))
end


local function decode_value(text)
  if url.options.query_plus_is_space then
    text = gsub(text, "+", " ")
  end
  return decode(text)
end


-- "a[x][]" is the name "a" and the keys { "x", "" }; what follows the last bracket does not count.
local function split_name(text)
  local keys = {}
  local name, rest = match(text, "^(.-)(%[[^%]]*%].*)$")
  for key in (rest or ""):gmatch("%[([^%]]*)%]") do
    keys[#keys + 1] = match(key, "^-?%d+$") and tonumber(key) or key
  end
  return gsub(name or text, "%s", "_"), keys
end


local function put(values, keys, value)
  for i = 1, #keys do
    local key = keys[i]
    if key == "" then
      key = #values + 1
    end
    if i == #keys then
      values[key] = value
    elseif values[key] == nil then
      values[key] = {}
    elseif type(values[key]) ~= "table" then
      return
    end
    values = values[key]
  end
end


--- A table of the parameters with brackets as nested tables (a[]=1&a[x]=2); tostring builds the query again. A repeated name keeps its
--- first value unless options.cumulative_parameters is set.
function url.parseQuery(text, separator)
  separator = separator or url.options.separator or "&"
  local values, from = setmetatable({}, { __tostring = url.buildQuery }), 1
  while from <= #text do
    local first, last = find(text, separator, from, true)
    local pair = match(sub(text, from, (first or #text + 1) - 1), "^=*(.*)$")
    from = (last or #text) + 1
    if pair ~= "" then
      local name, keys = split_name(decode_value(match(pair, "^[^=]*")))
      local value, known = decode_value(match(pair, "^[^=]*=*(.*)$")), values[name]
      if #keys > 0 then
        if type(known) ~= "table" then
          known = url.options.cumulative_parameters and known ~= nil and { known } or {}
        end
        values[name] = known
        put(known, keys, value)
      elseif known == nil or type(known) == "table" and not url.options.cumulative_parameters then
        values[name] = value
      elseif url.options.cumulative_parameters then
        values[name] = type(known) == "table" and known or { known }
        table.insert(values[name], value)
      end
    end
  end
  return values
end


-- Numbers first.
local function by_name(a, b)
  if type(a) == "number" then
    return type(b) ~= "number" or a < b
  end
  return type(b) ~= "number" and tostring(a) < tostring(b)
end


--- The query of a table, sorted by name. parent: the encoded name that the keys stand in brackets behind.
function url.buildQuery(values, separator, parent)
  separator = separator or url.options.separator or "&"
  local names, out = {}, {}
  for name in pairs(values) do
    names[#names + 1] = name
  end
  table.sort(names, by_name)
  for i = 1, #names do
    local name, value = encode(tostring(names[i]), LEGAL_IN_NAME), values[names[i]]
    if parent then
      name = url.options.cumulative_parameters and find(name, "^%d+$") and tostring(parent) or parent .. "[" .. name .. "]"
    end
    if type(value) == "table" then
      value = url.buildQuery(value, separator, name)
      out[#out + 1] = value ~= "" and value or nil
    else
      value = encode(tostring(value), url.options.legal_in_query)
      out[#out + 1] = value == "" and name or name .. "=" .. value
    end
  end
  return concat(out, separator)
end


--- Replaces the query by a string or a table.
function url:setQuery(query)
  if type(query) == "table" then
    query = url.buildQuery(query)
  end
  self.query = url.parseQuery(query)
  return query
end


local function is_ipv6(text)
  local head, tail = match(text, "^(.-)::(.*)$")
  if head and find(tail, "::", 1, true) then
    return false
  end
  local count = 0
  for _, part in ipairs(head and { head, tail } or { text }) do
    for group in (part == "" and "" or part .. ":"):gmatch("([^:]*):") do
      count = count + 1
      if not find(group, "^%x%x?%x?%x?$") then
        return false
      end
    end
  end
  return head and count < 8 or count == 8
end


-- The host in lower case when it is an address or a name, else nil.
local function valid_host(text)
  local a, b, c, d = match(text, "^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if a then
    return tonumber(a) < 256 and tonumber(b) < 256 and tonumber(c) < 256 and tonumber(d) < 256 and text or nil
  end
  local inner = match(text, "^%[(.*)%]$")
  if inner then
    return is_ipv6(inner) and text or nil
  end
  if find(text, "^[%w%-][%w%-%.]*$") and sub(text, -1) ~= "." and not find(text, "..", 1, true) then
    return lower(text)
  end
end


--- Sets userinfo, user, password, host and port from the text; what is not valid stays nil. Returns the text without user and port.
function url:setAuthority(authority)
  self.authority = authority
  self.userinfo, self.user, self.password, self.host, self.port = nil, nil, nil, nil, nil
  local userinfo, rest = match(authority, "^([^@]*)@(.*)$")
  rest = rest or authority
  local host, port = match(rest, "^(.*):(%d+)$")
  if host then
    self.port = tonumber(port)
    rest = host
  end
  self.host = valid_host(rest)
  if userinfo then
    local user, password = match(userinfo, "^(.*):([^:]*)$")
    user = user or userinfo
    if find(user, "^[%w%+%.]+$") then
      self.userinfo, self.user, self.password = userinfo, user, password
    end
  end
  return rest
end


--- The text of a URL.
function url:build()
  local out = self.path and tostring(self.path) or ""
  local query = self.query and tostring(self.query) or ""
  if query ~= "" then
    out = out .. "?" .. query
  end
  if self.host then
    local authority = self.host
    if self.port and self.scheme and url.services[self.scheme] ~= self.port then
      authority = authority .. ":" .. self.port
    end
    if self.user and self.user ~= "" then
      authority = self.user .. (self.password and ":" .. self.password or "") .. "@" .. authority
    end
    out = "//" .. authority .. (out ~= "" and "/" .. gsub(out, "^/+", "") or "")
  end
  if self.scheme then
    out = self.scheme .. ":" .. out
  end
  return self.fragment and out .. "#" .. self.fragment or out
end


--- Appends a segment to the path, encoded; also written url / "segment". Returns the URL.
function url:addSegment(segment)
  if type(segment) == "string" then
    self.path = gsub(self.path, "/$", "") .. "/" .. encode(gsub(segment, "^/+", ""), url.options.legal_in_path)
  end
  return self
end


local instance = {
  __index = url,
  __tostring = url.build,
  __div = url.addSegment,
  __concat = function(a, b)
    return tostring(a) .. tostring(b)
  end,
}


local function clean_segment(segment)
  return encode(decode(segment), url.options.legal_in_path)
end


--- The parts of a URL. Never fails: parts that are not valid are nil.
function url.parse(text)
  local self = setmetatable({}, instance)
  local rest = tostring(text or "")
  local before, after = match(rest, "^([^#]*)#(.*)$")
  if before then
    rest, self.fragment = before, after
  end
  before, after = match(rest, "^(%w[%w%+%-%.]*):(.*)$")
  if before then
    self.scheme, rest = lower(before), after
  end
  before, after = match(rest, "^([^%?]*)%?(.*)$")
  self:setQuery(after or "")
  rest = before or rest
  before, after = match(rest, "^//([^/]*)(.*)$")
  self:setAuthority(before or "")
  self.path = gsub(after or rest, "[^/]+", clean_segment)
  return self
end


-- RFC 3986, 5.2.4, for relative paths as well: what leads above the beginning is dropped.
local function reduce(path)
  local out = {}
  local is_absolute = sub(path, 1, 1) == "/"
  local is_folder = false
  for segment in (sub(path, is_absolute and 2 or 1) .. "/"):gmatch("([^/]*)/") do
    is_folder = segment == "." or segment == ".."
    if segment == ".." then
      out[#out] = nil
    elseif segment ~= "." then
      out[#out + 1] = segment
    end
  end
  if is_folder and #out > 0 then
    out[#out + 1] = ""
  end
  return (is_absolute and "/" or "") .. concat(out, "/")
end


--- The path without dot segments and repeated slashes.
function url.removeDotSegments(path)
  return reduce(gsub(path, "//+", "/"))
end


--- Another URL (text or table) as seen from this one.
function url:resolve(other)
  if type(self) == "string" then
    self = url.parse(self)
  end
  if type(other) == "string" then
    other = url.parse(other)
  end
  if other.scheme then
    return other
  end
  other.scheme = self.scheme
  if other.authority and other.authority ~= "" then
    return other
  end
  other:setAuthority(self.authority)
  if not other.path or other.path == "" then
    other.path = self.path
    if not other.query or not next(other.query) then
      other.query = self.query
    end
  elseif sub(other.path, 1, 1) == "/" then
    other.path = reduce(other.path)
  else
    other.path = reduce(gsub(self.path, "[^/]*$", "") .. other.path)
  end
  return other
end


--- Cleans the path in place: dot segments and repeated slashes go. Returns the URL.
function url:normalize()
  if type(self) == "string" then
    self = url.parse(self)
  end
  if self.path then
    self.path = url.removeDotSegments(self.path)
  end
  return self
end


return url
