-- require "resty.websocket.server": the request being handled becomes a WebSocket connection.
local protocol = require "resty.websocket.protocol"

local encode_base64 = ngx.encode_base64
local lower = string.lower
local setmetatable = setmetatable
local sha1_bin = ngx.sha1_bin
local type = type

local MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
local PAYLOAD_MAX = 65535

local Server = { _VERSION = "0.11" }
local mt = { __index = Server }

protocol.methods(Server, function(self)
  return self.send_masked
end, true)


local function single(value)
  return type(value) == "table" and value[1] or value
end


-- The client's key and its protocols; or nil, nil, err.
local function check_request()
  if ngx.headers_sent then
    return nil, nil, "response header already sent"
  end
  ngx.req.read_body()
  if ngx.req.http_version() ~= 1.1 then
    return nil, nil, "bad http version"
  end
  local headers = ngx.req.get_headers()
  local upgrade, connection = single(headers.upgrade), single(headers.connection)
  if not upgrade then
    return nil, nil, 'not found "upgrade" request header'
  elseif lower(upgrade) ~= "websocket" then
    return nil, nil, 'bad "upgrade" request header: ' .. upgrade
  elseif not connection or not lower(connection):find("upgrade", 1, true) then
    return nil, nil, 'bad "connection" request header'
  end
  local key, version = single(headers["sec-websocket-key"]), single(headers["sec-websocket-version"])
  if not key then
    return nil, nil, 'bad "sec-websocket-key" request header'
  elseif version ~= "13" then
    return nil, nil, 'bad "sec-websocket-version" request header'
  end
  return key, single(headers["sec-websocket-protocol"])
end


--- The connection, or nil, err. opts: timeout (ms), max_payload_len, send_masked.
function Server.new(_, opts)
  local key, protocols, err = check_request()
  if not key then
    return nil, err
  end
  ngx.header["Content-Type"] = nil
  if protocols then
    ngx.header["Sec-WebSocket-Protocol"] = protocols
  end
  ngx.header["Sec-WebSocket-Accept"] = encode_base64(sha1_bin(key .. MAGIC))
  ngx.header["Upgrade"] = "websocket"
  ngx.status = 101
  local ok
  ok, err = ngx.send_headers()
  if not ok then
    return nil, "failed to send response header: " .. (err or "unknown")
  end
  ok, err = ngx.flush(true)
  if not ok then
    return nil, "failed to flush response header: " .. (err or "unknown")
  end
  local sock
  sock, err = ngx.req.socket(true)
  if not sock then
    return nil, err
  end
  opts = opts or {}
  if opts.timeout then
    sock:settimeout(opts.timeout)
  end
  return setmetatable({ sock = sock, max_payload_len = opts.max_payload_len or PAYLOAD_MAX, send_masked = opts.send_masked }, mt)
end


return Server
