-- Response headers: ngx.header, ngx.resp.get_headers, ngx.resp.add_header, ngx.status, ngx.headers_sent.
local base = require "ngx.base"
local fields = require "ngx.fields"

local C = base.C
local cur = base.cur
local error = error
local rawget = rawget
local tonumber = tonumber
local tostring = tostring
local type = type

local RESPONSE = 1
local CONNECTION = { [0] = "keep-alive", "close", "upgrade" }
local dashed = fields.dashed
local SENT_LOG = 4 -- error

-- Fields of which nginx keeps one value: of a list the last element counts.
local SINGLE = {
  ["server"] = true, ["date"] = true, ["content-encoding"] = true, ["location"] = true, ["refresh"] = true,
  ["last-modified"] = true, ["content-range"] = true, ["accept-ranges"] = true, ["www-authenticate"] = true,
  ["expires"] = true, ["e-tag"] = true, ["etag"] = true, ["content-length"] = true, ["content-type"] = true,
}

local Header = {
  max_resp_headers = 100,
}


local function complain(name)
  local line = "attempt to set ngx.header." .. name .. " after sending out response headers"
  C.kgw_ffi_log(SENT_LOG, line, #line)
end


function Header.get(name)
  if cur.req == nil then
    base.check_request()
  end
  if type(name) ~= "string" then
    name = tostring(name)
  end
  return fields.get(RESPONSE, dashed(name))
end


local function set_one(name, value, append)
  if type(value) ~= "string" then
    value = tostring(value)
  end
  return C.kgw_ffi_hdr_set(RESPONSE, name, #name, value, #value, append)
end


local function set_list(name, list)
  local n = #list
  if n == 0 then
    return C.kgw_ffi_hdr_remove(RESPONSE, name, #name)
  end
  if SINGLE[name:lower()] then
    return set_one(name, list[n], 0)
  end
  local rc = set_one(name, list[1], 0)
  for i = 2, n do
    rc = set_one(name, list[i], 1)
  end
  return rc
end


function Header.set(name, value)
  if cur.req == nil then
    base.check_request()
  end
  if type(name) ~= "string" then
    name = tostring(name)
  end
  name = dashed(name)
  local rc
  if value == nil or value == "" then
    if C.kgw_ffi_headers_sent() ~= 0 then
      return complain(name)
    end
    rc = C.kgw_ffi_hdr_remove(RESPONSE, name, #name)
  elseif C.kgw_ffi_headers_sent() ~= 0 then
    return complain(name)
  elseif type(value) == "table" then
    rc = set_list(name, value)
  else
    rc = set_one(name, value, 0)
  end
  if rc == base.DECLINED then
    complain(name)
  end
end


-- ngx.resp.add_header: one more field of that name.
function Header.add(name, value)
  if cur.req == nil then
    base.check_request()
  end
  if value == nil then
    error("invalid header value", 2)
  end
  if C.kgw_ffi_headers_sent() ~= 0 then
    return complain(tostring(name))
  end
  name = dashed(tostring(name))
  if type(value) ~= "table" then
    set_one(name, value, SINGLE[name:lower()] and 0 or 1)
    return
  end
  if #value == 0 then
    error("invalid header value", 2)
  end
  for i = 1, #value do
    set_one(name, value[i], SINGLE[name:lower()] and 0 or 1)
  end
end


function Header.get_headers(max, raw)
  if cur.req == nil then
    base.check_request()
  end
  local t, err = fields.all(RESPONSE, max or Header.max_resp_headers, raw)
  local name = raw and "Connection" or "connection"
  if rawget(t, name) == nil then
    -- nginx has given its connection up before it logs.
    t[name] = cur.phase == base.LOG and "close" or CONNECTION[C.kgw_ffi_resp_connection()]
  end
  return t, err
end


function Header.status()
  if cur.req == nil then
    base.check_request()
  end
  return C.kgw_ffi_status_get()
end


function Header.set_status(status)
  if cur.req == nil then
    base.check_request()
  end
  status = tonumber(status)
  if not status then
    error("number expected", 3)
  end
  if C.kgw_ffi_headers_sent() ~= 0 or C.kgw_ffi_status_set(status, nil, 0) == base.DECLINED then
    local line = "attempt to set ngx.status after sending out response headers"
    C.kgw_ffi_log(SENT_LOG, line, #line)
  end
end


function Header.headers_sent()
  if cur.req == nil then
    base.check_request()
  end
  return C.kgw_ffi_headers_sent() ~= 0
end


Header.table = setmetatable({}, {
  __index = function(_, name)
    return Header.get(name)
  end,
  __newindex = function(_, name, value)
    Header.set(name, value)
  end,
})


return Header
