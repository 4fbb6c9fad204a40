-- ngx.req.socket(): the request's body as a stream, or with `true` the raw connection of the client (runtime/vm/sock_req.c).
local ffi = require "ffi"
local base = require "ngx.base"
local payload = require "ngx.payload"
local receiver = require "ngx.receiver"

local C = base.C
local wait = base.wait
local check_phase = base.check_phase
local ffi_string = ffi.string
local tonumber = tonumber
local type = type

local OK, AGAIN, DONE = base.OK, base.AGAIN, base.DONE
local HANDLE, SEND_MS, READ_MS = 1, 2, 3
local DEFAULT_MS = 60000
local NULL = ffi.cast("void *", 0)

local out = base.new_str()


local function failure(handle)
  return ffi_string(C.kgw_ffi_rsock_err(handle))
end


local function receive(self, mode, want, pattern, is_inclusive)
  local handle = self[HANDLE]
  local rc = C.kgw_ffi_rsock_receive(handle, mode, want, pattern, #pattern, is_inclusive, self[READ_MS], out)
  if rc == AGAIN then
    wait()
    rc = C.kgw_ffi_rsock_received(handle, C.kgw_ffi_op_rc(), out)
  end
  if rc == OK then
    return ffi_string(out.ptr, out.len)
  elseif rc == DONE then
    return ffi_string(out.ptr, out.len), true
  elseif out.ptr == nil then
    return nil, failure(handle)
  end
  return nil, failure(handle), ffi_string(out.ptr, out.len)
end


local Body = {}
receiver.install(Body, receive)


function Body.settimeout(self, ms)
  ms = tonumber(ms) or 0
  if ms < 0 then
    error("bad timeout value", 2)
  end
  ms = ms > 0 and ms or DEFAULT_MS
  self[SEND_MS], self[READ_MS] = ms, ms
end


function Body.settimeouts(self, _, send_ms, read_ms)
  self[SEND_MS] = send_ms and send_ms > 0 and send_ms or DEFAULT_MS
  self[READ_MS] = read_ms and read_ms > 0 and read_ms or DEFAULT_MS
end


local Raw = setmetatable({}, { __index = Body })


function Raw.send(self, data)
  local text = type(data) == "string" and data or payload.text(data, 2)
  local handle = self[HANDLE]
  local rc = C.kgw_ffi_rsock_send(handle, text, #text, self[SEND_MS])
  if rc == AGAIN then
    wait()
    rc = C.kgw_ffi_op_rc()
    if rc == base.TIMEOUT then
      return nil, "timeout"
    elseif rc ~= OK then
      return nil, "closed"
    end
  end
  if rc ~= OK then
    return nil, failure(handle)
  end
  return #text
end


local body_mt, raw_mt = { __index = Body }, { __index = Raw }


local function free(handle)
  C.kgw_ffi_rsock_free(handle)
end


local Socket = {}


--- The socket, or nil, err.
function Socket.socket(is_raw)
  base.check_request()
  check_phase(base.OUTPUT)
  local handle = C.kgw_ffi_rsock_new(is_raw and 1 or 0, out)
  if handle == NULL then
    return nil, base.text(out)
  end
  return setmetatable({ ffi.gc(handle, free), DEFAULT_MS, DEFAULT_MS }, is_raw and raw_mt or body_mt)
end


return Socket
