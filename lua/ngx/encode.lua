-- Pure functions over strings: URI escapes, base64, digests, SQL quoting.
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C
local buf = base.buf
local as_text = base.as_text
local error = error
local select = select
local tostring = tostring
local type = type
local ffi_string = ffi.string
local gsub = string.gsub

local digest = ffi.new("char[64]")
local hex_out = ffi.new("char[64]")

local Encode = {}


function Encode.escape_uri(s, kind)
  if type(s) ~= "string" then
    s = as_text(s)
  end
  if kind == nil then
    kind = 2
  elseif type(kind) ~= "number" then
    error('"type" is not a number', 3)
  elseif kind < 0 or kind > 8 then
    error('"type" ' .. kind .. " out of range", 3)
  end
  local out = buf(#s * 3)
  return ffi_string(out, C.kgw_ffi_escape_uri(s, #s, kind, out))
end


function Encode.unescape_uri(s)
  if type(s) ~= "string" then
    s = as_text(s)
  end
  local out = buf(#s)
  return ffi_string(out, C.kgw_ffi_unescape_uri(s, #s, 1, out))
end


local function encode64(s, url, pad)
  local out = buf(#s * 2 + 8)
  return ffi_string(out, C.kgw_ffi_base64_encode(s, #s, out, url, pad))
end


function Encode.encode_base64(s, no_padding)
  if type(s) ~= "string" then
    s = as_text(s)
  end
  if no_padding ~= nil and type(no_padding) ~= "boolean" then
    error("bad no_padding: boolean expected, got " .. type(no_padding), 2)
  end
  return encode64(s, 0, no_padding and 0 or 1)
end


function Encode.decode_base64(s)
  if type(s) ~= "string" then
    error("string argument only", 2)
  end
  local out = buf(#s + 4)
  local n = C.kgw_ffi_base64_decode(s, #s, out, 0)
  if n < 0 then
    return nil
  end
  return ffi_string(out, n)
end


function Encode.encode_base64url(s)
  if type(s) ~= "string" then
    return nil, "must provide a string"
  end
  return encode64(s, 1, 0)
end


function Encode.decode_base64url(s)
  if type(s) ~= "string" then
    return nil, "must provide a string"
  end
  local out = buf(#s + 4)
  local n = C.kgw_ffi_base64_decode(s, #s, out, 1)
  if n < 0 then
    return nil, "invalid input"
  end
  return ffi_string(out, n)
end


function Encode.md5_bin(s)
  if type(s) ~= "string" then
    s = as_text(s)
  end
  C.kgw_ffi_md5(s, #s, digest)
  return ffi_string(digest, 16)
end


function Encode.md5(s)
  if type(s) ~= "string" then
    s = as_text(s)
  end
  C.kgw_ffi_md5(s, #s, digest)
  C.kgw_ffi_hex(digest, 16, hex_out)
  return ffi_string(hex_out, 32)
end


function Encode.sha1_bin(s)
  if type(s) ~= "string" then
    s = as_text(s)
  end
  C.kgw_ffi_sha1(s, #s, digest)
  return ffi_string(digest, 20)
end


function Encode.hmac_sha1(...)
  local n = select("#", ...)
  if n ~= 2 then
    error("expecting 2 arguments, but got " .. n, 2)
  end
  local key, s = ...
  key, s = tostring(key), tostring(s)
  C.kgw_ffi_hmac_sha1(key, #key, s, #s, digest)
  return ffi_string(digest, 20)
end


function Encode.crc32(s)
  if type(s) ~= "string" then
    s = as_text(s)
  end
  return tonumber(C.kgw_ffi_crc32(s, #s))
end


local SQL = { ["\0"] = "\\0", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\26"] = "\\Z", ["\b"] = "\\b", ["'"] = "\\'",
              ['"'] = '\\"', ["\\"] = "\\\\" }

function Encode.quote_sql_str(...)
  if select("#", ...) ~= 1 then
    error("expecting one argument", 2)
  end
  local s = as_text((...))
  return "'" .. gsub(s, "[%z\n\r\t\26\b'\"\\]", SQL) .. "'"
end


return Encode
