-- require "resty.ada": URLs by the interface of lua-resty-ada: parsed once, read and changed part by part. Covers URLs with
-- an authority, as far as RFC 3986 goes; no international host names.
local find = string.find
local fmt = string.format
local lower = string.lower
local match = string.match
local tonumber = tonumber
local type = type

local ada = {}
local mt = { __index = ada }

local DEFAULT_PORTS = { http = 80, https = 443, ws = 80, wss = 443, ftp = 21 }


local function escape(text, keep)
  return (text:gsub("[^%w" .. keep .. "]", function(c)
    return fmt("%%%02X", c:byte())
  end))
end


local function remove_dots(path)
  local out = {}
  local is_dir = false
  for segment in path:gmatch("/([^/]*)") do
    local plain = lower(segment):gsub("%%2e", ".")
    is_dir = plain == "." or plain == ".."
    if plain == ".." then
      out[#out] = nil
    elseif plain ~= "." then
      out[#out + 1] = segment
    end
  end
  return "/" .. table.concat(out, "/") .. (is_dir and #out > 0 and "/" or "")
end


local function clean_path(path)
  path = escape(path, "%%/!$&'()*+,;=:@._~%-|%[%]")
  if path:sub(1, 1) ~= "/" then
    path = "/" .. path
  end
  return remove_dots(path)
end


-- user, password, host, port of an authority; nil when it is none.
local function split_authority(text, scheme)
  local userinfo, rest = match(text, "^(.*)@(.*)$")
  rest = rest or text
  local host, port = match(rest, "^(%[[%x:.]+%])(.*)$")
  if not host then
    host, port = match(rest, "^([^:%[%]%s<>^|%%]*)(.*)$")
  end
  if not host or host == "" or not find(port, "^:?%d*$") then
    return nil
  end
  port = tonumber((port:gsub(":", "")))
  if port and port > 65535 then
    return nil
  end
  local user, password = match(userinfo or "", "^([^:]*):?(.*)$")
  return user, password, lower(host), port ~= DEFAULT_PORTS[scheme] and port or nil
end


-- A URL object | nil, err. `base` resolves paths without an authority.
function ada.parse(text, base)
  if type(text) ~= "string" then
    return nil, "not a string"
  end
  local scheme, rest = match(text, "^%s*([%a][%w+.-]*):(.*)$")
  local authority
  if scheme then
    authority, rest = match(rest, "^[/\\][/\\]([^/\\?#]*)(.*)$")
  end
  if not authority then
    local whole = base and ada.parse(base)
    if not whole or scheme then
      return nil, "failed to parse url"
    end
    return whole:set_href(whole:get_origin() .. (text:sub(1, 1) == "/" and "" or "/") .. text)
  end
  scheme = lower(scheme)
  local user, password, host, port = split_authority(authority, scheme)
  if not host then
    return nil, "failed to parse url"
  end
  local path, query, fragment = match(rest, "^([^?#]*)(%??[^#]*)(#?.*)$")
  return setmetatable({
    scheme = scheme,
    user = user,
    password = password,
    host = host,
    port = port,
    path = clean_path(path),
    search = query == "?" and "" or escape(query, "%%?/!$&()*+,;=:@._~%-|%[%]"),
    hash = fragment == "#" and "" or fragment,
  }, mt)
end


function ada:get_protocol()
  return self.scheme .. ":"
end


function ada:get_username()
  return self.user
end


function ada:get_password()
  return self.password
end


function ada:get_hostname()
  return self.host
end


function ada:get_port()
  return self.port or ""
end


function ada:get_host()
  return self.host .. (self.port and ":" .. self.port or "")
end


function ada:get_origin()
  return self.scheme .. "://" .. self:get_host()
end


function ada:get_pathname()
  return self.path
end


function ada:get_search()
  return self.search
end


function ada:get_hash()
  return self.hash
end


function ada:get_href()
  local userinfo = ""
  if self.user ~= "" or self.password ~= "" then
    userinfo = self.user .. (self.password ~= "" and ":" .. self.password or "") .. "@"
  end
  return self.scheme .. "://" .. userinfo .. self:get_host() .. self.path .. self.search .. self.hash
end


mt.__tostring = ada.get_href


-- Setters return the URL, so that they can be chained.
function ada:set_protocol(scheme)
  self.scheme = lower((scheme:gsub(":$", "")))
  return self
end


function ada:set_username(user)
  self.user = escape(user, "._~%-")
  return self
end


function ada:set_password(password)
  self.password = escape(password, "._~%-")
  return self
end


function ada:set_host(text)
  local _, _, host, port = split_authority(text, self.scheme)
  if host then
    self.host, self.port = host, port
  end
  return self
end


ada.set_hostname = ada.set_host


function ada:set_port(port)
  port = tonumber(port)
  self.port = port ~= DEFAULT_PORTS[self.scheme] and port or nil
  return self
end


function ada:set_pathname(path)
  self.path = clean_path(escape(path, "%%/!$&'()*+,;=:@._~%-|%[%]"))
  return self
end


function ada:set_search(query)
  query = query and query:gsub("^%?", "") or ""
  self.search = query ~= "" and "?" .. escape(query, "%%?/!$&()*+,;=:@._~%-|%[%]") or ""
  return self
end


function ada:set_hash(hash)
  hash = hash and hash:gsub("^#", "") or ""
  self.hash = hash ~= "" and "#" .. hash or ""
  return self
end


function ada:set_href(text)
  local parsed, err = ada.parse(text)
  if not parsed then
    return nil, err
  end
  for name, value in pairs(parsed) do
    self[name] = value
  end
  self.port = parsed.port
  return self
end


return ada
