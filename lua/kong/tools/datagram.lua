-- Single datagrams for logging plugins, from a timer because the log phase must not wait for a name to resolve.
local kong = kong
local ngx = ngx

local datagram = {}


-- A timer callback. conf: {host =, port =, timeout = milliseconds}.
function datagram.send_later(premature, conf, text)
  if premature then
    return
  end
  local sock = ngx.socket.udp()
  sock:settimeout(conf.timeout)
  local ok, err = sock:setpeername(conf.host, conf.port)
  if ok then
    ok, err = sock:send(text)
  end
  if not ok then
    kong.log.err("could not send data to ", conf.host, ":", conf.port, ": ", err)
  end
  sock:close()
end


return datagram
