-- Splits URLs and normalises paths (RFC 3986), for shorthands and router path checks.
-- Used by kong.db.schema.checks, services and the declarative migration. Must never touch a request.
local char = string.char
local find = string.find
local fmt = string.format
local gsub = string.gsub
local match = string.match
local sub = string.sub
local upper = string.upper
local tonumber = tonumber

local url = {}


-- {scheme, userinfo, user, password, host, port, path, query, fragment}; absent parts are nil.
function url.parse(text)
  local parts = {}
  local rest = text
  rest = gsub(rest, "#(.*)$", function(fragment)
    parts.fragment = fragment
    return ""
  end)
  local scheme, after = match(rest, "^([%a][%w+.-]*):(.*)$")
  if scheme then
    parts.scheme = scheme
    rest = after
  end
  local authority, path = match(rest, "^//([^/?]*)(.*)$")
  if authority then
    parts.authority = authority
    rest = path
  end
  local before, query = match(rest, "^([^?]*)%?(.*)$")
  if before then
    parts.query = query
    rest = before
  end
  if rest ~= "" then
    parts.path = rest
  end
  if not authority then
    return parts
  end
  local userinfo, hostport = match(authority, "^(.*)@([^@]*)$")
  if userinfo then
    parts.userinfo = userinfo
    local user, password = match(userinfo, "^([^:]*):(.*)$")
    parts.user = user or userinfo
    parts.password = password
  end
  hostport = hostport or authority
  local host, port = match(hostport, "^(.*):(%d*)$")
  if host and (not find(host, ":", 1, true) or match(host, "^%[.*%]$")) then
    hostport = host
    parts.port = port ~= "" and port or nil
  end
  if hostport ~= "" then
    parts.host = hostport
  end
  return parts
end


local UNRESERVED = "^[%w%-%._~]$"


-- "%7e" -> "~", "%2f" -> "%2F": unreserved characters are decoded, all other escapes get upper case digits.
function url.normalize_escape(escape)
  local hex = sub(escape, 2)
  local c = char(tonumber(hex, 16))
  if find(c, UNRESERVED) then
    return c
  end
  return "%" .. upper(hex)
end


local function normalize_percent(path)
  return (gsub(path, "%%%x%x", url.normalize_escape))
end


local function remove_dot_segments(path)
  local out, n = {}, 0
  local slash_end = sub(path, -1) == "/" or match(path, "/%.%.?$") ~= nil
  for segment in path:gmatch("[^/]+") do
    if segment == ".." then
      if n > 0 then
        out[n] = nil
        n = n - 1
      end
    elseif segment ~= "." then
      n = n + 1
      out[n] = segment
    end
  end
  if n == 0 then
    return "/"
  end
  return "/" .. table.concat(out, "/") .. (slash_end and "/" or "")
end


-- The form a plain router path must have.
function url.normalize(path)
  path = normalize_percent(path)
  if find(path, "/.", 1, true) then
    path = remove_dot_segments(path)
  end
  return path
end


-- Escapes what must not stand in a path; used when a value is put into a query.
function url.escape(text)
  return (gsub(text, "[^%w%-%._~]", function(c)
    return fmt("%%%02X", c:byte())
  end))
end


return url
