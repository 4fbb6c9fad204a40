-- require "resty.websocket.client": a WebSocket client over cosockets.
local protocol = require "resty.websocket.protocol"

local char = string.char
local concat = table.concat
local encode_base64 = ngx.encode_base64
local random = math.random
local re_match = ngx.re.match
local setmetatable = setmetatable
local type = type
local ngx_socket_tcp = ngx.socket.tcp

local URI = [=[^(wss?)://(\[[^\]]+\]|[^/:?#\[\]]+)(?::(\d+))?(.*)$]=]
local PAYLOAD_MAX = 65535

local Client = { _VERSION = "0.11" }
local mt = { __index = Client }

protocol.methods(Client, function(self)
  return not self.send_unmasked
end, false)


--- opts: timeout (ms), max_payload_len, max_send_len, max_recv_len, send_unmasked.
function Client.new(_, opts)
  local sock, err = ngx_socket_tcp()
  if not sock then
    return nil, err
  end
  opts = opts or {}
  if opts.timeout then
    sock:settimeout(opts.timeout)
  end
  return setmetatable({
    sock = sock,
    max_payload_len = opts.max_payload_len or opts.max_recv_len or PAYLOAD_MAX,
    send_unmasked = opts.send_unmasked,
  }, mt)
end


local function parse(uri)
  local m, err = re_match(uri, URI, "jo")
  if not m then
    return nil, err and "failed to match the uri: " .. err or "bad websocket uri"
  end
  local port = m[3] and tonumber(m[3]) or m[1] == "wss" and 443 or 80
  local path = m[4] ~= "" and m[4] or "/"
  if path:sub(1, 1) == "?" then
    path = "/" .. path
  end
  return { scheme = m[1], host = m[2], port = port, path = path, host_field = m[3] and m[2] .. ":" .. m[3] or m[2] }
end


local function make_request(uri, opts, key)
  local out = {
    "GET ", uri.path, " HTTP/1.1\r\nUpgrade: websocket\r\nHost: ", opts.host or uri.host_field, "\r\nSec-WebSocket-Key: ", key, "\r\n",
  }
  local protocols = opts.protocols
  if protocols then
    out[#out + 1] = "Sec-WebSocket-Protocol: " .. (type(protocols) == "table" and concat(protocols, ",") or protocols) .. "\r\n"
  end
  if opts.origin then
    out[#out + 1] = "Origin: " .. opts.origin .. "\r\n"
  end
  for _, line in ipairs(opts.headers or {}) do
    out[#out + 1] = line .. "\r\n"
  end
  out[#out + 1] = "Sec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n\r\n"
  return concat(out)
end


local function secure(sock, uri, opts)
  if opts.client_cert then
    local ok, err = sock:setclientcert(opts.client_cert, opts.client_priv_key)
    if not ok then
      return nil, "failed to set TLS client certificate: " .. err
    end
  end
  local ok, err = sock:sslhandshake(false, opts.server_name or opts.host or uri.host, opts.ssl_verify)
  if not ok then
    return nil, "ssl handshake failed: " .. err
  end
  return true
end


--- true, nil, head of the answer; or nil, err, head. opts: protocols origin headers (lines) host server_name key pool pool_size
--- backlog ssl_verify client_cert client_priv_key.
function Client.connect(self, address, opts)
  local sock = self.sock
  if not sock then
    return nil, "not initialized"
  end
  opts = opts or {}
  local uri, err = parse(address)
  if not uri then
    return nil, err
  end
  local ok
  ok, err = sock:connect(uri.host, uri.port, { pool = opts.pool, pool_size = opts.pool_size, backlog = opts.backlog })
  if not ok then
    return nil, "failed to connect: " .. err
  end
  self.fatal, self.closed = nil, nil
  local reused
  reused, err = sock:getreusedtimes()
  if not reused then
    return nil, "failed to get reused times: " .. err
  elseif reused > 0 then
    return 1, nil, "connection reused"
  end
  if uri.scheme == "wss" then
    ok, err = secure(sock, uri, opts)
    if not ok then
      return nil, err
    end
  end
  local key = opts.key
  if not key then
    local bytes = {}
    for i = 1, 16 do
      bytes[i] = char(random(0, 255))
    end
    key = encode_base64(concat(bytes))
  end
  ok, err = sock:send(make_request(uri, opts, key))
  if not ok then
    return nil, "failed to send the handshake request: " .. err
  end
  local head
  head, err = sock:receiveuntil("\r\n\r\n")()
  if not head then
    return nil, "failed to receive response header: " .. err
  end
  if not head:find("^HTTP/1%.1 ") then
    return nil, "bad HTTP response status line: " .. head
  elseif not head:find("^HTTP/1%.1 101") then
    return nil, "unexpected HTTP response code: " .. (head:match("^HTTP/1%.1 (%d+)") or ""), head
  end
  return true, nil, head
end


function Client.set_keepalive(self, ...)
  local sock = self.sock
  if not sock then
    return nil, "not initialized"
  end
  self.sock, self.closed = nil, true
  return sock:setkeepalive(...)
end


--- Sends a close frame first when none was sent. true, or nil, err.
function Client.close(self)
  if self.fatal then
    return nil, "fatal error already happened"
  end
  local sock = self.sock
  if not sock then
    return nil, "not initialized"
  end
  if not self.closed then
    local bytes, err = self:send_close()
    if not bytes then
      return nil, "failed to send close frame: " .. err
    end
    self.closed = true
  end
  return sock:close()
end


return Client
