-- Debian's socket.http as the release that Kong carries: the Host it makes from the URL has no port.
local http = require "kgw.behind" "socket.http"

local open = http.open
local request = http.request
local type = type

local is_host_given = false


local function has_host(headers)
  for name in pairs(headers or {}) do
    if type(name) == "string" and name:lower() == "host" then
      return true
    end
  end
  return false
end


local function without_port(host, port)
  local ending = ":" .. port
  return host:sub(-#ending) == ending and host:sub(1, -#ending - 1) or host
end


function http.open(host, port, create)
  local h = open(host, port, create)
  if not is_host_given then
    local send = h.sendheaders
    function h:sendheaders(headers)
      headers.host = headers.host and without_port(headers.host, port)
      return send(self, headers)
    end
  end
  return h
end


function http.request(reqt, body)
  is_host_given = type(reqt) == "table" and has_host(reqt.headers)
  return request(reqt, body)
end


return http
