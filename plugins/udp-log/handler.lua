-- Sends one JSON datagram per request.
local cjson = require "cjson"
local custom_fields = require "kong.tools.custom_fields"
local datagram = require "kong.tools.datagram"
local meta = require "kong.meta"

local kong = kong
local ngx = ngx


local UdpLog = {
  PRIORITY = 8,
  VERSION = meta.version,
}


function UdpLog:log(conf)
  custom_fields.set(conf.custom_fields_by_lua)
  local ok, err = ngx.timer.at(0, datagram.send_later, conf, cjson.encode(kong.log.serialize()))
  if not ok then
    kong.log.err("could not create timer: ", err)
  end
end


return UdpLog
