-- A small upstream: answers every request with the head it got, as text. luajit quickstart/upstream.lua PORT
local socket = require "socket"

local server = assert(socket.bind("127.0.0.1", tonumber(arg[1]) or 9080))

while true do
  local client = server:accept()
  if client then
    client:settimeout(2)
    local head = {}
    repeat
      local line = client:receive("*l")
      head[#head + 1] = line
    until not line or line == ""
    local body = table.concat(head, "\n") .. "\n"
    client:send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body)
    client:close()
  end
end
