-- The foot of the ngx API: the C boundary (runtime/ffi/api.h, embedded in the executable), the running coroutine's view,
-- waiting, scratch memory, phase checks. Every file of lua/ngx starts from here; nothing else touches ffi.C.kgw_*.
local ffi = require "ffi"
local bit = require "bit"

ffi.cdef "extern const char kgw_ffi_api_text[];"

local C = ffi.C

ffi.cdef(ffi.string(C.kgw_ffi_api_text))

local band = bit.band
local error = error
local tostring = tostring
local type = type
local cast = ffi.cast
local getinfo = debug.getinfo
local raw_yield = coroutine.yield

local cur = C.kgw_ffi_cur()
local char_array = ffi.typeof("char[?]")
local SCRATCH = 65536
local scratch = ffi.new(char_array, SCRATCH)
local INIT = 1

-- What a coroutine yields when it waits for C; coroutine.lua hands it up to the scheduler.
local OP = {}

local NAMES = {
  [0x1] = "init_by_lua*",
  [0x2] = "init_worker_by_lua*",
  [0x4] = "ssl_certificate_by_lua*",
  [0x8] = "ssl_client_hello_by_lua*",
  [0x10] = "rewrite_by_lua*",
  [0x20] = "access_by_lua*",
  [0x40] = "balancer_by_lua*",
  [0x80] = "access_by_lua*",
  [0x100] = "header_filter_by_lua*",
  [0x200] = "body_filter_by_lua*",
  [0x400] = "log_by_lua*",
  [0x800] = "ngx.timer",
  [0x1000] = "content_by_lua*",
  [0x2000] = "content_by_lua*",
  [0x4000] = "exit_worker_by_lua*",
}

local Base = {
  C = C,
  cur = cur,
  OP = OP,
  OK = 0,
  ERROR = -1,
  AGAIN = -2,
  DONE = -4,
  DECLINED = -5,
  ENOMEM = -6,
  TIMEOUT = -7,
  CLOSED = -8,
  PHASE_NAMES = NAMES,
  -- Sets of phases, by what OpenResty allows in them.
  INIT = INIT,
  INIT_WORKER = 0x2,
  CERT = 0x4,
  REWRITE = 0x10,
  BALANCER = 0x40,
  HEADER_FILTER = 0x100,
  BODY_FILTER = 0x200,
  LOG = 0x400,
  TIMER = 0x800,
  EXIT_WORKER = 0x4000,
  YIELDABLE = 0x38bc,  -- rewrite access response content error timer cert client_hello
  OUTPUT = 0x30b0,     -- rewrite access response content error
  EXITABLE = 0x39fc,   -- OUTPUT and timer balancer header_filter cert client_hello
  CONTENT = 0x30a0,    -- access response content error
}


-- Suspends the running coroutine until the C side has completed its operation.
function Base.wait()
  raw_yield(OP)
end


-- Raises OpenResty's error when the running phase is not in `mask`; `level` as for error() seen from the caller.
function Base.check_phase(mask)
  local phase = cur.phase
  if band(phase, mask) == 0 then
    if phase == INIT then
      error("no request found", 3)
    end
    error("API disabled in the context of " .. (NAMES[phase] or "(unknown)"), 3)
  end
end


-- Raises when there is no request.
function Base.check_request()
  if cur.req == nil then
    if cur.phase == INIT then
      error("no request found", 3)
    end
    error("API disabled in the current context", 3)
  end
end


-- Raises "bad argument #n to 'name' (text)" as luaL_argerror does. `depth`: 1 when called by the API function itself.
function Base.bad_arg(n, message, depth)
  local info = getinfo(depth + 1, "n")
  error("bad argument #" .. n .. " to '" .. (info and info.name or "?") .. "' (" .. message .. ")", depth + 2)
end


-- At least `size` bytes that are valid until the next call.
function Base.buf(size)
  if size <= SCRATCH then
    return scratch
  end
  return ffi.new(char_array, size)
end


-- A kgw_ffi_str_t as a Lua string.
function Base.text(str)
  if str.len == 0 then
    return ""
  end
  return ffi.string(str.ptr, str.len)
end


function Base.new_str()
  return ffi.new("kgw_ffi_str_t")
end


-- NULL pointers that come out of C compare equal to nil; a real nil is easier to hand on.
function Base.ptr(p)
  if cast("void *", p) == nil then
    return nil
  end
  return p
end


-- A value as the C functions of OpenResty take strings: numbers and others by tostring, nil and false as "".
function Base.as_text(v)
  if type(v) == "string" then
    return v
  end
  return v and tostring(v) or ""
end


return Base
