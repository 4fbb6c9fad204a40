-- require "resty.core.base": the shared parts of OpenResty's core library that other libraries use directly.
require "ngx.types"

local ffi = require "ffi"
local base = require "ngx.base"
local new_tab = require "table.new"
local clear_tab = require "table.clear"

local cur = base.cur
local error = error
local ffi_new = ffi.new

local BUF_SIZE = 4096

local Base = {
  version = "0.1.28",
  new_tab = new_tab,
  clear_tab = clear_tab,
  FFI_OK = 0,
  FFI_NO_REQ_CTX = -100,
  FFI_BAD_CONTEXT = -101,
  FFI_ERROR = -1,
  FFI_AGAIN = -2,
  FFI_BUSY = -3,
  FFI_DONE = -4,
  FFI_DECLINED = -5,
  FFI_ABORT = -6,
}

local string_buf
local string_buf_size = BUF_SIZE
local size_ptr = ffi_new("size_t[1]")
local errmsg = ffi_new("char *[1]")


-- A non-nil pointer while there is a request.
function Base.get_request()
  if cur.req == nil then
    return nil
  end
  return ffi.cast("ngx_http_request_t *", cur.req)
end


function Base.get_string_buf(size, must_alloc)
  if size > string_buf_size or must_alloc then
    return ffi_new("unsigned char[?]", size)
  end
  if not string_buf then
    string_buf = ffi_new("unsigned char[?]", string_buf_size)
  end
  return string_buf
end


function Base.get_string_buf_size()
  return string_buf_size
end


function Base.set_string_buf_size(size)
  if size <= 0 then
    return
  end
  if string_buf then
    string_buf = nil
  end
  string_buf_size = size
end


function Base.get_size_ptr()
  return size_ptr
end


function Base.get_errmsg_ptr()
  return errmsg
end


local FREE_LIST = 0

-- Keeps `value` in `t` under an integer and returns it; freed places are used again.
function Base.ref_in_table(t, value)
  if value == nil then
    return -1
  end
  local ref = t[FREE_LIST]
  if ref and ref ~= 0 then
    t[FREE_LIST] = t[ref]
  else
    ref = #t + 1
  end
  t[ref] = value
  return ref
end


function Base.allows_subsystem(...)
  for i = 1, select("#", ...) do
    if select(i, ...) == "http" then
      return
    end
  end
  error("unsupported subsystem: http", 2)
end


return Base
