-- ngx.socket.udp(): UDP cosockets over runtime/vm/sock_udp.c.
local ffi = require "ffi"
local base = require "ngx.base"
local payload = require "ngx.payload"

local C = base.C
local wait = base.wait
local check_phase = base.check_phase
local ffi_string = ffi.string
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber
local type = type

local OK, AGAIN, CLOSED, DECLINED, TIMEOUT = base.OK, base.AGAIN, base.CLOSED, base.DECLINED, base.TIMEOUT
local HANDLE, READ_MS = 1, 2
local DEFAULT_MS = 60000
local DATAGRAM_MAX = 65536

local out = base.new_str()

local Udp = {}
local mt = { __index = Udp }


local function failure(rc)
  if rc == CLOSED then
    return "closed"
  elseif rc == DECLINED then
    return "socket busy"
  elseif rc == TIMEOUT then
    return "timeout"
  end
  return ffi_string(out.ptr, out.len)
end


function Udp.settimeout(self, ms)
  ms = tonumber(ms) or 0
  if ms < 0 then
    error("bad timeout value", 2)
  end
  self[READ_MS] = ms > 0 and ms or DEFAULT_MS
end


-- 1, or nil, err. Without a port (or with "unix:PATH") the port is not used.
function Udp.setpeername(self, host, port)
  check_phase(base.YIELDABLE)
  local ip, real_port = host, 0
  if sub(host, 1, 5) ~= "unix:" then
    local n = tonumber(port) or 0
    if n < 0 or n > 65535 then
      return nil, "bad port number: " .. n
    end
    ip, real_port = require("ngx.dns").toip(host, n)
    if not ip then
      return nil, real_port
    end
  end
  local rc = C.kgw_ffi_udp_connect(self[HANDLE], ip, #ip, real_port, out)
  if rc ~= OK then
    return nil, failure(rc)
  end
  return 1
end


function Udp.bind(self, address)
  if C.kgw_ffi_udp_bind(self[HANDLE], address, #address) ~= OK then
    return nil, "bad address"
  end
  return 1
end


-- 1, or nil, err.
function Udp.send(self, data)
  local text = type(data) == "string" and data or payload.text(data, 2)
  local rc = C.kgw_ffi_udp_send(self[HANDLE], text, #text, out)
  if rc < 0 then
    return nil, failure(rc)
  end
  if rc ~= #text then
    return nil, "partial write"
  end
  return 1
end


-- A datagram (what is longer than `size` is lost), or nil, err.
function Udp.receive(self, size)
  local handle = self[HANDLE]
  local max = size and tonumber(size) or DATAGRAM_MAX
  while true do
    local rc = C.kgw_ffi_udp_receive(handle, max, self[READ_MS], out)
    if rc == AGAIN then
      wait()
      rc = C.kgw_ffi_op_rc()
      if rc ~= OK then
        return nil, failure(rc)
      end
    elseif rc == OK then
      return ffi_string(out.ptr, out.len)
    else
      return nil, failure(rc)
    end
  end
end


function Udp.close(self)
  local rc = C.kgw_ffi_udp_close(self[HANDLE])
  if rc ~= OK then
    return nil, failure(rc)
  end
  return 1
end


local function free(handle)
  C.kgw_ffi_udp_free(handle)
end


local Socket = {}


function Socket.udp()
  check_phase(base.YIELDABLE)
  return setmetatable({ ffi.gc(C.kgw_ffi_udp_new(), free), DEFAULT_MS }, mt)
end


return Socket
