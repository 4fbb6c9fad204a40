-- ngx.req.*: method, URI, arguments and headers of the request. Its body: request_body.lua.
local base = require "ngx.base"
local clear = require "table.clear"
local args = require "ngx.args"
local fields = require "ngx.fields"
local bit = require "bit"

local C = base.C
local cur = base.cur
local text = base.text
local check_request = base.check_request
local error = error
local find = string.find
local gsub = string.gsub
local select = select
local tostring = tostring
local type = type

local REQUEST = 0
local JUMP = bit.bor(base.REWRITE)
local value = base.new_str()

local Request = {
  max_req_headers = 100,
}


function Request.get_headers(max, raw)
  if cur.req == nil then
    check_request()
  end
  return fields.all(REQUEST, max or Request.max_req_headers, raw)
end


-- One field: nil, its value or a list of values.
function Request.get_header(name)
  if cur.req == nil then
    check_request()
  end
  return fields.get(REQUEST, name)
end


local function set_one(name, v, append)
  if type(v) ~= "string" then
    v = tostring(v)
  end
  C.kgw_ffi_hdr_set(REQUEST, name, #name, v, #v, append)
end


local function check_name(name)
  if type(name) ~= "string" then
    if type(name) == "number" then
      return tostring(name)
    end
    error("bad 'name' argument: string expected, got " .. type(name), 3)
  end
  return name
end


function Request.set_header(name, v)
  if cur.req == nil then
    check_request()
  end
  name = check_name(name)
  if v == nil or v == "" then
    C.kgw_ffi_hdr_remove(REQUEST, name, #name)
  elseif type(v) == "table" then
    local n = #v
    if n == 0 then
      C.kgw_ffi_hdr_remove(REQUEST, name, #name)
      return
    end
    set_one(name, v[1], 0)
    for i = 2, n do
      set_one(name, v[i], 1)
    end
  else
    set_one(name, v, 0)
  end
end


function Request.clear_header(name)
  if cur.req == nil then
    check_request()
  end
  name = check_name(name)
  C.kgw_ffi_hdr_remove(REQUEST, name, #name)
end


-- require("ngx.req").add_header
function Request.add_header(name, v)
  if cur.req == nil then
    check_request()
  end
  name = check_name(name)
  if v == nil then
    error("bad 'value' argument: string or table expected, got nil", 2)
  elseif type(v) ~= "table" then
    set_one(name, v, 1)
    return
  elseif #v == 0 then
    error("bad 'value' argument: non-empty table expected", 2)
  end
  for i = 1, #v do
    set_one(name, v[i], 1)
  end
end


function Request.get_method()
  if cur.req == nil then
    check_request()
  end
  C.kgw_ffi_req_method(value)
  return text(value)
end


function Request.set_method(id)
  if cur.req == nil then
    check_request()
  end
  if type(id) ~= "number" then
    error("bad method number", 2)
  end
  if C.kgw_ffi_req_set_method(id) ~= 0 then
    error("unsupported HTTP method: " .. id, 2)
  end
end


function Request.http_version()
  if cur.req == nil then
    check_request()
  end
  local v = C.kgw_ffi_req_http_version()
  if v == 0 then
    return nil
  end
  return v
end


function Request.start_time()
  if cur.req == nil then
    check_request()
  end
  return C.kgw_ffi_req_start_time()
end


function Request.is_internal()
  if cur.req == nil then
    check_request()
  end
  return false
end


function Request.raw_header(no_line)
  if cur.req == nil then
    check_request()
  end
  if C.kgw_ffi_req_http_version() >= 2 then
    error("http2 requests not supported yet", 2)
  end
  if C.kgw_ffi_req_raw_head(value) ~= 0 then
    return nil
  end
  local raw = text(value)
  if no_line then
    local at = find(raw, "\n", 1, true)
    return at and raw:sub(at + 1) or ""
  end
  return raw
end


function Request.get_uri_args(max, tab)
  if cur.req == nil then
    check_request()
  end
  if tab then
    clear(tab)
  end
  if C.kgw_ffi_req_args(value) ~= 0 then
    return tab or {}, nil
  end
  return args.decode(text(value), max or args.max_uri_args, tab or {})
end


function Request.set_uri_args(...)
  local n = select("#", ...)
  if n ~= 1 then
    error("expecting 1 argument but seen " .. n, 2)
  end
  if cur.req == nil then
    check_request()
  end
  local v = ...
  if type(v) == "table" then
    v = args.encode(v)
  elseif type(v) == "number" then
    v = tostring(v)
  elseif type(v) ~= "string" then
    base.bad_arg(1, "string, number, or table expected, but got " .. type(v), 1)
  end
  C.kgw_ffi_req_set_args(v, #v)
end


local function quote_byte(c)
  return ("\\x%02X"):format(c:byte())
end


-- Raises OpenResty's error when `uri` has a byte that may not stand in a URI.
function Request.check_uri(uri, what, hint)
  local at = find(uri, "[%z\1-\31\127]")
  if at then
    error(('unsafe byte "0x%02x" in %s "%s"%s'):format(uri:byte(at), what, gsub(uri, "[%z\1-\31\127]", quote_byte), hint or ""), 3)
  end
end


function Request.set_uri(...)
  local n = select("#", ...)
  if n < 1 or n > 3 then
    error("expecting 1, 2 or 3 arguments but seen " .. n, 2)
  end
  if cur.req == nil then
    check_request()
  end
  local uri, jump, binary = ...
  uri = tostring(uri)
  if uri == "" then
    error("attempt to use zero-length uri", 2)
  end
  if jump ~= nil and type(jump) ~= "boolean" then
    base.bad_arg(2, "boolean expected, got " .. type(jump), 1)
  end
  if jump then
    base.check_phase(JUMP)
  end
  if not binary then
    Request.check_uri(uri, "uri", " (maybe you want to set the 'binary' argument?)")
  end
  C.kgw_ffi_req_set_uri(uri, #uri)
end


return Request
