-- What ends a phase or a request: ngx.exit, redirect, exec, on_abort, location.capture.
local base = require "ngx.base"
local header = require "ngx.header"
local request = require "ngx.request"

local C = base.C
local cur = base.cur
local check_phase = base.check_phase
local wait = base.wait
local band = bit.band
local error = error
local tonumber = tonumber
local type = type

local RETURNS = bit.bor(base.HEADER_FILTER, base.BALANCER)
local LOG_ERR = 4

local Control = {}


function Control.exit(status)
  check_phase(base.EXITABLE)
  if type(status) ~= "number" then
    local n = tonumber(status)
    if not n then
      base.bad_arg(1, "number expected, got " .. (status == nil and "no value" or type(status)), 1)
    end
    status = n
  end
  if status == base.AGAIN or status == base.DONE then
    error("bad argument to 'ngx.exit': does not accept NGX_AGAIN or NGX_DONE", 2)
  end
  if status >= 300 and status ~= 408 and status ~= 444 and status ~= 499 and cur.req ~= nil and C.kgw_ffi_headers_sent() ~= 0
     and cur.phase ~= base.HEADER_FILTER then
    local sent = C.kgw_ffi_status_get()
    if sent ~= status then
      local line = "attempt to set status " .. status .. " via ngx.exit after sending out the response status " .. sent
      C.kgw_ffi_log(LOG_ERR, line, #line)
    end
    status = 200
  end
  C.kgw_ffi_exit(status)
  if band(cur.phase, RETURNS) ~= 0 then
    return
  end
  wait()
end


local REDIRECTS = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

function Control.redirect(uri, status)
  check_phase(base.OUTPUT)
  if uri == nil then
    error("expecting one or two arguments", 2)
  end
  if status == nil then
    status = 302
  else
    if not tonumber(status) then
      base.bad_arg(2, "number expected, got " .. type(status), 1)
    end
    status = tonumber(status)
    if not REDIRECTS[status] then
      error("only ngx.HTTP_MOVED_TEMPORARILY, ngx.HTTP_MOVED_PERMANENTLY, ngx.HTTP_PERMANENT_REDIRECT, ngx.HTTP_SEE_OTHER, "
            .. "and ngx.HTTP_TEMPORARY_REDIRECT are allowed", 2)
    end
  end
  uri = tostring(uri)
  request.check_uri(uri, "redirect uri")
  if C.kgw_ffi_headers_sent() ~= 0 then
    error("attempt to call ngx.redirect after sending out the headers", 2)
  end
  header.set("Location", uri)
  C.kgw_ffi_exit(status)
  wait()
end


-- kgw has no internal locations to jump to.
function Control.exec()
  check_phase(base.OUTPUT)
  C.kgw_ffi_exit(500)
  wait()
end


function Control.on_abort()
  check_phase(base.CONTENT)
  return nil, "lua_check_client_abort is off"
end


-- There are no subrequests: what nginx would answer for a location that does not exist.
function Control.capture(uri)
  check_phase(base.CONTENT)
  if type(uri) ~= "string" then
    base.bad_arg(1, "string expected, got " .. type(uri), 1)
  end
  return { status = 500, header = {}, body = "", truncated = true }
end


function Control.capture_multi(list)
  check_phase(base.CONTENT)
  if type(list) ~= "table" then
    base.bad_arg(1, "table expected, got " .. type(list), 1)
  end
  local results = {}
  for i = 1, #list do
    results[i] = { status = 500, header = {}, body = "", truncated = true }
  end
  return unpack(results)
end


return Control
