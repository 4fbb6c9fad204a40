-- Puts ngx.socket, ngx.req.socket and ngx.re in place.
local req_socket = require "ngx.req_socket"
local regex = require "ngx.regex"
local tcp = require "ngx.socket_tcp"
local udp = require "ngx.socket_udp"

local Init = {}


function Init.install(ngx)
  ngx.req.socket = req_socket.socket
  ngx.socket = { tcp = tcp.tcp, stream = tcp.tcp, udp = udp.udp, connect = tcp.connect }
  ngx.re = { match = regex.match, find = regex.find, gmatch = regex.gmatch, sub = regex.sub, gsub = regex.gsub }
end


return Init
