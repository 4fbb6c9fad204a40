-- Checks of hosts, addresses, paths, names and other texts that typedefs and entities share.
-- Each returns true | nil, message. Used by typedefs and entities. Must never resolve names or open files.
local ffi = require "ffi"
local messages = require "kong.db.schema.messages"
local url_parts = require "kong.db.schema.url"
local validators = require "kong.db.schema.validators"

local type = type
local tonumber = tonumber
local fmt = string.format
local find = string.find
local match = string.match
local sub = string.sub
local byte = string.byte
local floor = math.floor

ffi.cdef [[
int inet_pton(int af, const char *src, void *dst);
]]

local AF_INET6 = 10
local address = ffi.new("unsigned char[16]")

local checks = {}


function checks.is_ipv4(s)
  local a, b, c, d = match(s, "^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
  if not a then
    return false
  end
  return tonumber(a) < 256 and tonumber(b) < 256 and tonumber(c) < 256 and tonumber(d) < 256
end


function checks.is_ipv6(s)
  return find(s, ":", 1, true) ~= nil and ffi.C.inet_pton(AF_INET6, s, address) == 1
end


-- "::1" -> "0000:0000:0000:0000:0000:0000:0000:0001".
function checks.long_ipv6(s)
  if ffi.C.inet_pton(AF_INET6, s, address) ~= 1 then
    return s
  end
  local groups = {}
  for i = 0, 7 do
    groups[i + 1] = fmt("%02x%02x", address[2 * i], address[2 * i + 1])
  end
  return table.concat(groups, ":")
end


function checks.is_ip(s)
  return checks.is_ipv4(s) or checks.is_ipv6(s)
end


-- A name with labels of letters, digits, "-" and "_"; a last dot is fine.
local function is_hostname(name)
  if #name == 0 or #name > 255 then
    return false
  end
  if sub(name, -1) == "." then
    name = sub(name, 1, -2)
  end
  if find(name, "[^%w%-_%.]") or find(name, "..", 1, true) or sub(name, 1, 1) == "." then
    return false
  end
  for label in name:gmatch("[^.]+") do
    if #label > 63 or sub(label, 1, 1) == "-" or sub(label, -1) == "-" then
      return false
    end
  end
  return name ~= ""
end


local function port_of(text)
  local port = tonumber(text)
  if not port or port < 0 or port > 65535 or floor(port) ~= port then
    return nil, "invalid port number"
  end
  return port
end


-- Splits "host", "host:port", "[v6]" and "[v6]:port": {type, host, port} | nil, message.
function checks.parse_address(text)
  local v6, rest = match(text, "^%[([^%]]+)%](.*)$")
  if v6 or select(2, text:gsub(":", "")) > 1 then
    local host = v6 or text
    if not checks.is_ipv6(host) then
      return nil, "invalid ipv6 address: " .. text
    end
    local port, err
    if rest and rest ~= "" then
      port, err = port_of(match(rest, "^:(%d+)$"))
      if not port then
        return nil, err
      end
    end
    return { type = "ipv6", host = "[" .. host:lower() .. "]", port = port }
  end
  local host, port_text = match(text, "^([^:]*):?(.*)$")
  local port, err
  if find(text, ":", 1, true) then
    if not match(port_text, "^%d+$") then
      return nil, "invalid hostname: " .. text
    end
    port, err = port_of(port_text)
    if not port then
      return nil, err
    end
  end
  if match(host, "^[%d%.]+$") and match(host, "%d") then
    if not checks.is_ipv4(host) then
      return nil, "invalid ipv4 address: " .. text
    end
    return { type = "ipv4", host = host, port = port }
  end
  if not is_hostname(host) then
    return nil, "invalid hostname: " .. text
  end
  return { type = "name", host = host:lower(), port = port }
end


function checks.host(text)
  local res, err = checks.parse_address(text)
  if not res and err ~= "invalid port number" then
    return nil, "invalid value: " .. text
  end
  if err == "invalid port number" or res.port then
    return nil, "must not have a port"
  end
  return true
end


function checks.host_with_optional_port(text)
  local res, err = checks.parse_address(text)
  if not res then
    return nil, err
  end
  return true
end


function checks.ip(text)
  if checks.is_ip(text) then
    return true
  end
  return nil, "not an ip address: " .. text
end


local function cidr_mask(text, max)
  local bits = tonumber(match(text, "^%d+$"))
  return bits ~= nil and bits <= max
end


function checks.is_cidr_v4(text)
  local ip, bits = match(text, "^([^/]+)/(%d+)$")
  return ip ~= nil and checks.is_ipv4(ip) and cidr_mask(bits, 32)
end


function checks.is_cidr(text)
  local ip, bits = match(text, "^([^/]+)/(%d+)$")
  if not ip then
    return false
  end
  return checks.is_cidr_v4(text) or checks.is_ipv6(ip) and cidr_mask(bits, 128)
end


function checks.cidr(text)
  if checks.is_cidr(text) then
    return true
  end
  return nil, "invalid cidr range: '" .. text .. "'"
end


function checks.cidr_v4(text)
  if checks.is_cidr_v4(text) or checks.is_ipv4(text) then
    return true
  end
  return nil, "invalid cidr range: '" .. text .. "'"
end


function checks.ip_or_cidr(text)
  if checks.is_ip(text) or checks.is_cidr(text) then
    return true
  end
  return nil, "invalid ip or cidr range: '" .. text .. "'"
end


-- RFC 3986: unreserved, gen-delims and sub-delims, and "%".
local PATH_ODD = "[^%w%.%-_~:/?#%[%]@!$&'()*+,;=%%]"


local function bad_percent(path)
  local at = 1
  while true do
    at = find(path, "%", at, true)
    if not at then
      return nil
    end
    local pair = sub(path, at + 1, at + 2)
    if not match(pair, "^%x%x$") then
      return sub(path, at, at + 2)
    end
    at = at + 3
  end
end


function checks.path(path)
  if byte(path) ~= 47 then
    return nil, fmt(messages.STARTS_WITH, "/")
  end
  if find(path, "//", 1, true) then
    return nil, "must not have empty segments"
  end
  if find(path, PATH_ODD) then
    return nil, "invalid path: '" .. path
                .. "' (characters outside of the reserved list of RFC 3986 found)"
  end
  local bad = bad_percent(path)
  if bad then
    return nil, "invalid url-encoded value: '" .. bad .. "'"
  end
  return true
end


-- Only paths with dots, percents or odd bytes can be non-normalised; the rest skips the work.
local function normalized(path)
  if not find(path, "[%%\128-\255 ]") and not find(path, "/.", 1, true) then
    return path
  end
  return url_parts.normalize(path)
end


function checks.router_path(path)
  local first = byte(path)
  local is_regex = first == 126 and byte(path, 2) == 47
  if first ~= 47 and not is_regex then
    return nil, "should start with: / (fixed path) or ~/ (regex path)"
  end
  if is_regex then
    local regex = sub(path, 2)
    local ok, err = validators.regex_compiles(regex)
    if not ok then
      return nil, fmt("invalid regex: '%s' (PCRE returned: %s)", regex, err)
    end
    return true
  end
  if find(path, "//", 1, true) then
    return nil, "must not have empty segments"
  end
  local bad = bad_percent(path)
  if bad then
    return nil, "invalid url-encoded value: '" .. bad .. "'"
  end
  local plain = normalized(path)
  if plain ~= path then
    return nil, "non-normalized path, consider use '" .. plain .. "' instead"
  end
  return true
end


local function count_stars(text)
  return select(2, text:gsub("%*", ""))
end


-- Names with one "*" as the first or last label (or character).
function checks.wildcard_host(text)
  local stars = count_stars(text)
  if stars > 1 then
    return nil, "invalid wildcard: must have at most one wildcard"
  end
  local plain = text
  if stars == 1 then
    if not match(text, "^%*%.") and not match(text, "%.%*$") and not match(text, "%.%*:%d+$") then
      return nil, "invalid wildcard: must be placed at leftmost or rightmost label"
    end
    plain = text:gsub("%*", "a", 1)
  end
  local res, err = checks.parse_address(plain)
  if not res then
    return nil, "invalid value: " .. text, err
  end
  return true
end


local function sni_text(text)
  local res, err = checks.parse_address(text)
  if not res and err ~= "invalid port number" then
    return nil, "invalid value: " .. text
  end
  if not res or res.port then
    return nil, "must not have a port"
  end
  if res.type ~= "name" then
    return nil, "must not be an IP"
  end
  return true
end


function checks.sni(text)
  return sni_text(text)
end


function checks.wildcard_sni(text)
  local stars = count_stars(text)
  if stars > 1 then
    return nil, "only one wildcard must be specified"
  end
  if stars == 1 then
    if not match(text, "^%*") and not match(text, "%*$") then
      return nil, "wildcard must be leftmost or rightmost character"
    end
    return sni_text((text:gsub("%*", "a", 1)))
  end
  return sni_text(text)
end


-- Returns the position of the first byte that is no UTF-8; nil when all of it is.
local function utf8_error(text)
  local i, n = 1, #text
  while i <= n do
    local a = byte(text, i)
    local more
    if a < 0x80 then
      more = 0
    elseif a >= 0xC2 and a <= 0xDF then
      more = 1
    elseif a >= 0xE0 and a <= 0xEF then
      more = 2
    elseif a >= 0xF0 and a <= 0xF4 then
      more = 3
    else
      return i
    end
    for j = 1, more do
      local b = byte(text, i + j)
      if not b or b < 0x80 or b > 0xBF then
        return i
      end
      if j == 1 and (a == 0xE0 and b < 0xA0 or a == 0xED and b > 0x9F
                     or a == 0xF0 and b < 0x90 or a == 0xF4 and b > 0x8F) then
        return i
      end
    end
    i = i + more + 1
  end
end


checks.utf8_error = utf8_error


function checks.utf8_name(name)
  if not find(name, "[^%w%.%-_~]") then
    return true
  end
  local at = utf8_error(name)
  if at then
    return nil, fmt("invalid utf-8 character sequence detected at position %d", at)
  end
  if find(name, "[%z\1-\127]") then
    local ascii = name:gsub("[\128-\255]", "")
    if find(ascii, "[^%w%.%-_~]") then
      return nil, "invalid value '" .. name
                  .. "': the only accepted ascii characters are alphanumerics or ., -, _, and ~"
    end
  end
  return true
end


function checks.name(name)
  if find(name, "[^%w%.%-_~]") then
    return nil, "invalid value '" .. name
                .. "': it must only contain alphanumeric and '., -, _, ~' characters"
  end
  return true
end


function checks.tag(tag)
  if find(tag, "[%z\1-\31\127,/]") or utf8_error(tag) then
    return nil, "invalid tag '" .. tag
                .. "': expected printable ascii (except `,` and `/`) or valid utf-8 sequences"
  end
  return true
end


function checks.url(text)
  local parts = url_parts.parse(text)
  if not parts.host then
    return nil, "missing host in url"
  end
  if not parts.scheme then
    return nil, "missing scheme in url"
  end
  if parts.path then
    return checks.path((parts.path:gsub("//+", "/")))
  end
  return true
end


function checks.header_name(name)
  if name ~= "" and not find(name, "[^%w_%-]") then
    return true
  end
  return nil, "bad header name '" .. name
              .. "', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
end


function checks.cookie_name(name)
  if name ~= "" and not find(name, "[^%w!#$%%&'*+%-.^_`|~]") then
    return true
  end
  return nil, "bad cookie name '" .. name .. "', allowed characters are A-Z, a-z, 0-9, "
              .. "'!', '#', '$', '%', '&', ''', '*', '+', '-', '.', '^', '_', '`', '|', and '~'"
end


function checks.lua_code(code)
  local fn, err = loadstring(code)
  if not fn then
    return nil, "Error parsing function: " .. err
  end
  return true
end


function checks.route_header(headers)
  for name in pairs(headers) do
    if type(name) == "string" and name:lower() == "host" then
      return nil, "cannot contain 'host' header, which must be specified in the 'hosts' attribute"
    end
  end
  return true
end


return checks
