-- Puts ngx.socket and ngx.re in place.
local regex = require "ngx.regex"
local tcp = require "ngx.socket_tcp"
local udp = require "ngx.socket_udp"

local Init = {}


function Init.install(ngx)
  ngx.socket = { tcp = tcp.tcp, stream = tcp.tcp, udp = udp.udp, connect = tcp.connect }
  ngx.re = { match = regex.match, find = regex.find, gmatch = regex.gmatch, sub = regex.sub, gsub = regex.gsub }
end


return Init
