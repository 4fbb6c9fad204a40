-- Texts for the errors that libcrypto queued. Reading them empties the queue, which is per thread.
local ffi = require "ffi"
local C = require("resty.openssl.lib").C

local fmt = string.format
local ffi_str = ffi.string

local err = {}

local file, line = ffi.new("const char *[1]"), ffi.new("int[1]")
local func, data, flags = ffi.new("const char *[1]"), ffi.new("const char *[1]"), ffi.new("int[1]")


local function text_or(ptr, default)
  return ptr ~= nil and ffi_str(ptr) or default
end


local function next_error()
  local code = C.ERR_get_error_all(file, line, func, data, flags)
  if code == 0 then
    return nil
  end
  local lib = text_or(C.ERR_lib_error_string(code), "lib(0)")
  local reason = text_or(C.ERR_reason_error_string(code), "unknown")
  local detail = text_or(data[0], "")
  return fmt("error:%X:%s:%s:%s:%s:%d:%s", tonumber(code), lib, text_or(func[0], ""), reason, text_or(file[0], ""),
             line[0], detail)
end


-- "context: code: N: error:..."; context and return code are left out when nil.
function err.format_error(context, return_code, want_all)
  local texts = {}
  local text = next_error()
  while text do
    texts[#texts + 1] = text
    text = next_error()
  end
  local message
  if want_all then
    message = table.concat(texts, " ")
  else
    message = texts[#texts] or ""
  end
  local parts = {}
  parts[#parts + 1] = context
  if return_code then
    parts[#parts + 1] = fmt("code: %d", tonumber(return_code))
  end
  if message ~= "" then
    parts[#parts + 1] = message
  end
  return table.concat(parts, ": ")
end


function err.format_all_errors(context, return_code)
  return err.format_error(context, return_code, true)
end


function err.get_last_error_code()
  return C.ERR_peek_last_error()
end


function err.get_lib_error_string(code)
  return text_or(C.ERR_lib_error_string(code or err.get_last_error_code()), nil)
end


function err.get_reason_error_string(code)
  return text_or(C.ERR_reason_error_string(code or err.get_last_error_code()), nil)
end


return err
