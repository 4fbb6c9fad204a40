-- The connection of a data plane to its control plane: name, TCP, forward proxy, TLS, upgrade. Whatever fails is named by its stage, so that
-- one log line tells what to look at. The result is a websocket: send(opcode name, payload), receive(), close().
-- Handshake and framing: RFC 6455; header order and query as Kong's data plane sends them.

local protocol = require("resty.websocket.protocol")
local dns = require("kong.dns")
local ssl = require("ngx.ssl")

local encode_base64 = ngx.encode_base64
local sha1_bin = ngx.sha1_bin
local unescape_uri = ngx.unescape_uri
local tcp = ngx.socket.tcp
local random_bytes = require("resty.openssl.rand").bytes
local find = string.find
local lower = string.lower
local match = string.match

local ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
local TIMEOUT_MS = 5000
local MAX_HEAD_LINES = 64
local PROXY_VERIFY_DEPTH = 5

local link = {}
link.__index = link


-- Errors are tables {stage, message}; tostring gives "stage: message".
local failure_mt = { __tostring = function(f) return f.stage .. ": " .. f.message end }


local function fail(stage, message)
  return nil, setmetatable({ stage = stage, message = tostring(message) }, failure_mt)
end


local function is_ip(host)
  return match(host, "^%d+%.%d+%.%d+%.%d+$") or find(host, ":", 1, true)
end


-- "host:port" -> host, port; 443 when there is none.
local function split(address)
  local host, port = match(address, "^(%[.-%]):?(%d*)$")
  if not host then
    host, port = match(address, "^([^:]+):?(%d*)$")
  end
  return host, tonumber(port) or 443
end


local function resolve(host)
  local bare = match(host, "^%[(.+)%]$") or host
  if is_ip(bare) then
    return bare
  end
  return dns.toip(bare)
end


local function open_tcp(host, port)
  local ip, err = resolve(host)
  if not ip then
    return fail("DNS", "cannot resolve " .. host .. ": " .. tostring(err))
  end
  local sock = tcp()
  sock:settimeouts(TIMEOUT_MS, TIMEOUT_MS, TIMEOUT_MS)
  local ok
  ok, err = sock:connect(ip, port)
  if not ok then
    return fail("TCP", "cannot connect to " .. ip .. ":" .. port .. ": " .. tostring(err))
  end
  return sock
end


-- TLS to the forward proxy itself; what the tunnel carries is TLS again, inside of it.
local function start_proxy_tls(sock, proxy, trusted)
  local ok, err = true, nil
  if proxy.verify then
    ok, err = sock:settrusted(trusted, PROXY_VERIFY_DEPTH)
  end
  if ok then
    ok, err = sock:sslhandshake(false, proxy.host, proxy.verify)
  end
  if not ok then
    return fail("proxy TLS", err)
  end
  sock:settunnel()
  return true
end


-- CONNECT through conf.proxy_server: {scheme, host, port, user, password, verify}; trusted: PEM that an https proxy may be signed by.
local function open_proxy(proxy, target, trusted)
  local sock, err = open_tcp(proxy.host, proxy.port)
  if not sock then
    return nil, err
  end
  if proxy.scheme == "https" then
    local ok, failure = start_proxy_tls(sock, proxy, trusted)
    if not ok then
      sock:close()
      return nil, failure
    end
  end
  local auth = ""
  if proxy.user and proxy.password then
    local pair = unescape_uri(proxy.user) .. ":" .. unescape_uri(proxy.password)
    auth = "Proxy-Authorization: Basic " .. encode_base64(pair) .. "\r\n"
  end
  sock:send("CONNECT " .. target .. " HTTP/1.1\r\nHost: " .. target .. "\r\nProxy-Connection: Keep-Alive\r\n" .. auth .. "\r\n")
  local status_line, read_err = sock:receive("*l")
  if not status_line then
    sock:close()
    return fail("proxy", read_err)
  end
  local status = match(status_line, "^HTTP/1%.[01] (%d+)")
  if status ~= "200" then
    sock:close()
    return fail("proxy", "CONNECT was answered with " .. status_line)
  end
  for _ = 1, MAX_HEAD_LINES do
    local line = sock:receive("*l")
    if line == "" then
      return sock
    end
  end
  sock:close()
  return fail("proxy", "the answer to CONNECT has no end")
end


local function start_tls(sock, tls)
  local cert, err = ssl.parse_pem_cert(tls.cert)
  if not cert then
    return fail("TLS", "failed parsing the cluster certificate PEM data: " .. tostring(err))
  end
  local key
  key, err = ssl.parse_pem_priv_key(tls.key)
  if not key then
    return fail("TLS", "failed parsing the cluster certificate key PEM data: " .. tostring(err))
  end
  local ok
  ok, err = sock:setclientcert(cert, key)
  if ok then
    ok, err = sock:settrusted(tls.trusted, tls.depth)
  end
  if ok then
    ok, err = sock:sslhandshake(false, tls.server_name, true)
  end
  if not ok then
    return fail("TLS", err)
  end
  return true
end


local function read_head(sock)
  local status_line, err = sock:receive("*l")
  if not status_line then
    return nil, err
  end
  local headers = {}
  for _ = 1, MAX_HEAD_LINES do
    local line
    line, err = sock:receive("*l")
    if not line then
      return nil, err
    end
    if line == "" then
      return tonumber(match(status_line, "^HTTP/1%.[01] (%d+)")), headers
    end
    local name, value = match(line, "^([^:]+):%s*(.-)%s*$")
    if name then
      headers[lower(name)] = value
    end
  end
  return nil, "too many header lines"
end


local function upgrade(sock, address, path)
  local key = encode_base64(random_bytes(16))
  local _, err = sock:send("GET " .. path .. " HTTP/1.1\r\nUpgrade: websocket\r\nHost: " .. address .. "\r\nSec-WebSocket-Key: " .. key
                        .. "\r\nSec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n\r\n")
  if err then
    return fail("upgrade", err)
  end
  local status, headers = read_head(sock)
  if not status then
    return fail("upgrade", "no answer: " .. tostring(headers) .. " (a control plane closes without an answer when it refuses the client certificate)")
  end
  if status ~= 101 then
    local _, failure = fail("HTTP", "unexpected HTTP response code: " .. status)
    failure.retry_after = (status == 429 or status == 503) and tonumber(headers["retry-after"]) or nil
    return nil, failure
  end
  if headers["sec-websocket-accept"] ~= encode_base64(sha1_bin(key .. ACCEPT_GUID)) then
    return fail("upgrade", "wrong Sec-WebSocket-Accept")
  end
  return true
end


-- to: {address = "host:port", path, tls = {server_name, cert, key, trusted, depth}, proxy, max_payload}.
-- A websocket, or nil and a failure {stage, message, retry_after}.
function link.connect(to)
  local host, port = split(to.address)
  if not host then
    return fail("configuration", "not an address: " .. to.address)
  end
  local sock, err
  if to.proxy then
    sock, err = open_proxy(to.proxy, host .. ":" .. port, to.tls.trusted)
  else
    sock, err = open_tcp(host, port)
  end
  if not sock then
    return nil, err
  end
  local ok
  ok, err = start_tls(sock, to.tls)
  if ok then
    ok, err = upgrade(sock, host .. ":" .. port, to.path)
  end
  if not ok then
    sock:close()
    return nil, err
  end
  return setmetatable({ sock = sock, max_payload = to.max_payload, is_server = false }, link)
end


-- The same for a socket whose upgrade was answered (the control plane's side).
function link.of_server(sock, max_payload)
  sock:settimeouts(TIMEOUT_MS, TIMEOUT_MS, TIMEOUT_MS)
  return setmetatable({ sock = sock, max_payload = max_payload, is_server = true }, link)
end


local OPCODES = { continuation = 0x0, text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xa }


function link:send(kind, payload)
  return protocol.send_frame(self.sock, true, OPCODES[kind], payload or "", self.max_payload, not self.is_server)
end


-- payload, kind; or nil, "timeout" (nothing came within 5 s: go on), or nil, err (the connection is of no use any more).
-- Fragments of a message (other control planes, proxies) are put together.
function link:receive()
  local data, kind, more = protocol.recv_frame(self.sock, self.max_payload, self.is_server)
  if not data then
    local err = more or kind or "closed"
    if find(err, "timeout", 1, true) then
      return nil, "timeout"
    elseif find(err, "closed", 1, true) then
      return nil, "the other side closed the connection"
    end
    return nil, err
  end
  if more ~= "again" and kind ~= "continuation" then
    return data, kind
  end
  local parts = self.parts
  if kind ~= "continuation" then
    parts = { kind = kind, len = 0 }
    self.parts = parts
  elseif not parts then
    return nil, "a continuation without a message"
  end
  parts[#parts + 1] = data
  parts.len = parts.len + #data
  if parts.len > self.max_payload then
    return nil, "exceeding max payload len"
  end
  if more == "again" then
    return self:receive()
  end
  self.parts = nil
  return table.concat(parts), parts.kind
end


-- The control plane's connections end with their request.
function link:close()
  return self.is_server or self.sock:close()
end


return link
