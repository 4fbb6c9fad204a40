-- ngx.socket.tcp(): TCP cosockets over runtime/vm/sock.c. A socket is a Lua table with a metatable, so that libraries can add
-- and replace fields; what belongs to C is in its first array slots. Timeouts are milliseconds.
local ffi = require "ffi"
local base = require "ngx.base"
local payload = require "ngx.payload"
local receiver = require "ngx.receiver"

local C = base.C
local wait = base.wait
local check_phase = base.check_phase
local concat_data = payload.text
local ffi_gc = ffi.gc
local ffi_string = ffi.string
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber
local tostring = tostring
local type = type
local NULL = ffi.cast("void *", 0)

local OK, AGAIN, DECLINED, DONE = base.OK, base.AGAIN, base.DECLINED, base.DONE
local HANDLE, CONNECT_MS, SEND_MS, READ_MS = 1, 2, 3, 4
local DEFAULT_MS = 60000
local OPTIONS = { keepalive = 0, reuseaddr = 1, ["tcp-nodelay"] = 2, sndbuf = 3, rcvbuf = 4 }
local BINDABLE = bit.band(base.YIELDABLE, bit.bnot(base.TIMER))

local out = base.new_str()
local number = ffi.new("int[1]")

local Tcp = {}
local mt = { __index = Tcp }


local function failure(handle)
  return ffi_string(C.kgw_ffi_sock_err(handle))
end


function Tcp.settimeout(self, ms)
  ms = ms == nil and 0 or tonumber(ms)
  if not ms or ms < 0 then
    error("bad timeout value", 2)
  end
  ms = ms > 0 and ms or DEFAULT_MS
  self[CONNECT_MS], self[SEND_MS], self[READ_MS] = ms, ms, ms
end


function Tcp.settimeouts(self, connect_ms, send_ms, read_ms)
  for i, ms in ipairs { connect_ms or 0, send_ms or 0, read_ms or 0 } do
    if type(ms) ~= "number" or ms < 0 then
      error("bad timeout value", 2)
    end
    self[HANDLE + i] = ms > 0 and ms or DEFAULT_MS
  end
end


-- The options of connect: pool name, pool size, backlog.
local function pool_options(opts, host, port)
  if type(opts) ~= "table" then
    return port and host .. ":" .. port or host, -1, -1
  end
  local pool, size, backlog = opts.pool, opts.pool_size, opts.backlog
  local kind = type(pool)
  if pool ~= nil and kind ~= "string" and kind ~= "number" then
    error("bad argument #4 to '?' (bad \"pool\" option type: " .. kind .. ")", 3)
  end
  if size ~= nil and (not tonumber(size) or tonumber(size) <= 0) then
    error("bad argument #4 to '?' (bad \"pool_size\" option value: " .. tostring(size) .. ")", 3)
  end
  if backlog ~= nil and (not tonumber(backlog) or tonumber(backlog) < 0) then
    error("bad argument #4 to '?' (bad \"backlog\" option value: " .. tostring(backlog) .. ")", 3)
  end
  return pool and tostring(pool) or port and host .. ":" .. port or host, tonumber(size) or -1, tonumber(backlog) or -1
end


local function connect_address(self, ip, port, pool, size, backlog)
  local handle = self[HANDLE]
  repeat
    local rc = C.kgw_ffi_sock_connect(handle, ip, #ip, port or 0, pool, #pool, size, backlog, self[CONNECT_MS])
    if rc == AGAIN then
      wait()
      rc = C.kgw_ffi_op_rc()
    end
    if rc == OK then
      return 1
    end
  until rc ~= DECLINED
  return nil, failure(handle)
end


-- 1, or nil, err.
function Tcp.connect(self, host, port, opts)
  if sub(host, 1, 5) == "unix:" then
    local pool, size, backlog = pool_options(type(port) == "table" and port or opts, host)
    return connect_address(self, host, nil, pool, size, backlog)
  end
  local n = tonumber(port)
  if not n then
    return nil, "missing the port number"
  end
  if n < 0 or n > 65535 then
    return nil, "bad port number: " .. n
  end
  check_phase(base.YIELDABLE)
  local pool, size, backlog = pool_options(opts, host, n)
  local ip, real_port = require("ngx.dns").toip(host, n)
  if not ip then
    return nil, real_port
  end
  return connect_address(self, ip, real_port, pool, size, backlog)
end


function Tcp.bind(self, address)
  check_phase(BINDABLE)
  if type(address) ~= "string" then
    base.bad_arg(2, "string expected, got " .. type(address), 1)
  end
  if C.kgw_ffi_sock_bind(self[HANDLE], address, #address) ~= OK then
    return nil, "bad address"
  end
  return 1
end


local function free_session(session)
  C.kgw_ffi_session_free(session)
end


-- The session (cdata), or true when `session` is false; nil, err.
function Tcp.sslhandshake(self, session, name, verify)
  local handle = self[HANDLE]
  name = name and tostring(name) or ""
  local resumed = type(session) == "cdata" and session or NULL
  local rc = C.kgw_ffi_sock_handshake(handle, name, #name, verify and 1 or 0, resumed, self[CONNECT_MS])
  if rc == AGAIN then
    wait()
    rc = C.kgw_ffi_op_rc()
  end
  if rc ~= OK then
    return nil, failure(handle)
  end
  if session == false then
    return true
  end
  local made = C.kgw_ffi_sock_session(handle)
  if made == NULL then
    return nil, "closed"
  end
  return ffi_gc(made, free_session)
end


function Tcp.setclientcert(self, cert, key)
  if cert == nil and key == nil then
    C.kgw_ffi_sock_client_cert(self[HANDLE], NULL, NULL)
    return true
  end
  if type(cert) ~= "cdata" then
    return nil, "bad cert arg: cdata expected, got " .. type(cert)
  end
  if type(key) ~= "cdata" then
    return nil, "bad pkey arg: cdata expected, got " .. type(key)
  end
  C.kgw_ffi_sock_client_cert(self[HANDLE], cert, key)
  return true
end


-- Beyond OpenResty's API: PEM text of the certificates that the peer of this socket may be signed by, instead of
-- lua_ssl_trusted_certificate, and how many there may be between. True, or nil, err.
function Tcp.settrusted(self, pem, depth)
  if C.kgw_ffi_sock_trust(self[HANDLE], pem, #pem, depth or 1) ~= OK then
    return nil, "no certificate in the text"
  end
  return true
end


-- Beyond OpenResty's API: the next sslhandshake talks to whoever is behind the TLS peer of now (a proxy that opened a tunnel),
-- inside that session.
function Tcp.settunnel(self)
  C.kgw_ffi_sock_tunnel(self[HANDLE])
end


-- Bytes sent, or nil, err.
function Tcp.send(self, data)
  local text = type(data) == "string" and data or concat_data(data, 2)
  local handle = self[HANDLE]
  local rc = C.kgw_ffi_sock_send(handle, text, #text, self[SEND_MS])
  if rc == AGAIN then
    wait()
    rc = C.kgw_ffi_op_rc()
  end
  if rc ~= OK then
    return nil, failure(handle)
  end
  return #text
end


local function receive(self, mode, want, pattern, is_inclusive)
  local handle = self[HANDLE]
  local rc = C.kgw_ffi_sock_receive(handle, mode, want, pattern, #pattern, is_inclusive, self[READ_MS], out)
  if rc == AGAIN then
    wait()
    rc = C.kgw_ffi_sock_received(handle, C.kgw_ffi_op_rc(), out)
  end
  if rc == OK then
    return ffi_string(out.ptr, out.len)
  end
  if rc == DONE then
    return ffi_string(out.ptr, out.len), true
  end
  if out.ptr == nil then
    return nil, failure(handle)
  end
  return nil, failure(handle), ffi_string(out.ptr, out.len)
end


receiver.install(Tcp, receive)


-- The connection goes to its pool; 1, or nil, err.
function Tcp.setkeepalive(self, idle_ms, size)
  local handle = self[HANDLE]
  if C.kgw_ffi_sock_keepalive(handle, tonumber(idle_ms) or DEFAULT_MS, tonumber(size) or -1) ~= OK then
    return nil, failure(handle)
  end
  return 1
end


function Tcp.getreusedtimes(self)
  local n = C.kgw_ffi_sock_reused(self[HANDLE])
  if n < 0 then
    return nil, "closed"
  end
  return n
end


function Tcp.close(self)
  local handle = self[HANDLE]
  if C.kgw_ffi_sock_close(handle) ~= OK then
    return nil, failure(handle)
  end
  return 1
end


function Tcp.setoption(self, name, value)
  local option = OPTIONS[name]
  if not option then
    return nil, "unsupported option " .. tostring(name)
  end
  if value == nil then
    return nil, "missing the \"value\" argument"
  end
  number[0] = type(value) == "boolean" and (value and 1 or 0) or tonumber(value) or 0
  if C.kgw_ffi_sock_option(self[HANDLE], option, 1, number) ~= OK then
    return nil, failure(self[HANDLE])
  end
  return true
end


function Tcp.getoption(self, name)
  local option = OPTIONS[name]
  if not option then
    return nil, "unsupported option " .. tostring(name)
  end
  if C.kgw_ffi_sock_option(self[HANDLE], option, 0, number) ~= OK then
    return nil, failure(self[HANDLE])
  end
  return option < 3 and (number[0] ~= 0 and 1 or 0) or number[0]
end


local function free(handle)
  C.kgw_ffi_sock_free(handle)
end


local Socket = { methods = Tcp }


-- Reads certificates ahead of the first settrusted with the same text.
function Socket.prepare_trusted(pem)
  return C.kgw_ffi_sock_trust(NULL, pem, #pem, 0) == OK
end


function Socket.tcp()
  check_phase(base.YIELDABLE)
  return setmetatable({ ffi_gc(C.kgw_ffi_sock_new(), free), DEFAULT_MS, DEFAULT_MS, DEFAULT_MS }, mt)
end


-- tcp() and connect() in one; the socket, or nil, err.
function Socket.connect(host, port, opts)
  local sock = Socket.tcp()
  local ok, err = sock:connect(host, port, opts)
  if not ok then
    return nil, err
  end
  return sock
end


-- SSL* of a socket for libraries that look into it, or nil.
function Socket.ssl_pointer(sock)
  return base.ptr(C.kgw_ffi_sock_ssl(sock[HANDLE]))
end


return Socket
