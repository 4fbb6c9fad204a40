-- Debian's LuaSocket under the name of the release that Kong carries: plugins show it, and it is the user agent of socket.http.
local socket = require "kgw.behind" "socket"

socket._VERSION = "LuaSocket 3.0-rc1"

return socket
