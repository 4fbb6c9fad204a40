-- Sends one JSON line per request over TCP.
local cjson = require "cjson"
local custom_fields = require "kong.tools.custom_fields"
local meta = require "kong.meta"

local kong = kong
local ngx = ngx


local TcpLog = {
  PRIORITY = 7,
  VERSION = meta.version,
}


-- true, or nil and what failed.
local function send(sock, conf, line)
  local ok, err = sock:connect(conf.host, conf.port)
  if not ok then
    return nil, "failed to connect to ", err
  end
  local reused
  reused, err = sock:getreusedtimes()
  if not reused then
    return nil, "failed to get socket reused time to ", err
  end
  if conf.tls and reused == 0 then
    ok, err = sock:sslhandshake(false, conf.tls_sni, false)
    if not ok then
      return nil, "failed to perform TLS handshake to ", err
    end
  end
  ok, err = sock:send(line)
  if not ok then
    return nil, "failed to send data to ", err
  end
  ok, err = sock:setkeepalive(conf.keepalive)
  if not ok then
    return nil, "failed to keepalive to ", err
  end
  return true
end


local function log(premature, conf, line)
  if premature then
    return
  end
  local sock = ngx.socket.tcp()
  sock:settimeout(conf.timeout)
  local ok, what, err = send(sock, conf, line)
  if not ok then
    sock:close()
    kong.log.err(what, conf.host, ":", conf.port, ": ", err)
  end
end


function TcpLog:log(conf)
  custom_fields.set(conf.custom_fields_by_lua)
  local ok, err = ngx.timer.at(0, log, conf, cjson.encode(kong.log.serialize()) .. "\n")
  if not ok then
    kong.log.err("failed to create timer: ", err)
  end
end


return TcpLog
