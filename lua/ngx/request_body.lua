-- ngx.req.*: the request body.
local ffi = require "ffi"
local base = require "ngx.base"
local args = require "ngx.args"

local C = base.C
local cur = base.cur
local text = base.text
local check_request = base.check_request
local check_phase = base.check_phase
local wait = base.wait
local error = error
local select = select
local tonumber = tonumber
local tostring = tostring
local type = type
local ffi_string = ffi.string

local NONE, UNREAD, READING, WHOLE, LIVE, GONE = 0, 1, 2, 3, 4, 5
local size = ffi.new("uint64_t[1]")
local path = base.new_str()

-- Pieces of init_body/append_body by slot of the request.
local pieces = {}

local Body = {}


function Body.read_body()
  if cur.req == nil then
    check_phase(base.OUTPUT)
    check_request()
  end
  check_phase(base.OUTPUT)
  local rc = C.kgw_ffi_body_read()
  if rc == base.AGAIN then
    wait()
    rc = C.kgw_ffi_body_result()
  end
  if rc ~= 0 then
    C.kgw_ffi_exit(base.ERROR)
    wait()
  end
end


function Body.discard_body()
  check_phase(base.OUTPUT)
  C.kgw_ffi_body_discard()
end


function Body.get_body_data(max)
  if cur.req == nil then
    check_request()
  end
  if C.kgw_ffi_body_state(size) ~= WHOLE then
    return nil
  end
  local n = tonumber(size[0])
  if n == 0 or C.kgw_ffi_body_file(path) == 0 then
    return nil
  end
  if max and max > 0 and max < n then
    n = max
  end
  local out = base.buf(n)
  local got = C.kgw_ffi_body_copy(out, n)
  if got < 0 then
    return nil
  end
  return ffi_string(out, got)
end


function Body.get_body_file()
  if cur.req == nil then
    check_request()
  end
  if C.kgw_ffi_body_file(path) ~= 0 then
    return nil
  end
  return text(path)
end


local function set_body(data)
  local rc = C.kgw_ffi_body_set(data, #data)
  if rc == base.AGAIN then
    error("request body not read yet", 3)
  elseif rc == base.DECLINED then
    error("request body already discarded asynchronously", 3)
  end
end


function Body.set_body_data(...)
  local n = select("#", ...)
  if n ~= 1 then
    error("expecting 1 arguments but seen " .. n, 2)
  end
  if cur.req == nil then
    check_request()
  end
  local data = ...
  if type(data) ~= "string" then
    if type(data) ~= "number" then
      base.bad_arg(1, "string expected, got " .. type(data), 1)
    end
    data = tostring(data)
  end
  set_body(data)
end


function Body.set_body_file(name)
  if cur.req == nil then
    check_request()
  end
  local file, err = io.open(name, "rb")
  if not file then
    error(err, 2)
  end
  local data = file:read("*a")
  file:close()
  set_body(data)
end


function Body.init_body()
  if cur.req == nil then
    check_request()
  end
  local state = C.kgw_ffi_body_state(size)
  if state == NONE or state == UNREAD or state == READING then
    error("request body not read yet", 2)
  end
  pieces[cur.slot] = {}
  C.kgw_ffi_ctx_used()
end


function Body.append_body(data)
  if cur.req == nil then
    check_request()
  end
  local list = pieces[cur.slot]
  if not list then
    error("request body not initialized", 2)
  end
  if type(data) ~= "string" and type(data) ~= "number" then
    base.bad_arg(1, "string expected, got " .. type(data), 1)
  end
  list[#list + 1] = data
end


function Body.finish_body()
  if cur.req == nil then
    check_request()
  end
  local list = pieces[cur.slot]
  if not list then
    error("request body not initialized", 2)
  end
  pieces[cur.slot] = nil
  set_body(table.concat(list))
end


function Body.release(slot)
  if pieces[slot] then
    pieces[slot] = nil
  end
end


function Body.get_post_args(max)
  if cur.req == nil then
    check_request()
  end
  local state = C.kgw_ffi_body_state(size)
  if state == GONE then
    return {}
  end
  if state == NONE or state == UNREAD or state == READING or state == LIVE then
    error("no request body found; maybe you should turn on lua_need_request_body?", 2)
  end
  if C.kgw_ffi_body_file(path) == 0 then
    return nil, "request body in temp file not supported"
  end
  local data = Body.get_body_data()
  return args.decode(data or "", max or args.max_post_args, {})
end


return Body
