-- A small `ngx` for specs that run in a plain LuaJIT; every field is left alone when a real one exists.
-- Loaded with `busted --helper`. Must never stand in for behaviour of the request: only pure functions and constants.
local ffi = require "ffi"

if rawget(_G, "ngx") and ngx.worker then
  return ngx
end

local bit = require "bit"
local pcre = require "spec.support.pcre"

ffi.cdef [[
unsigned char *SHA1(const unsigned char *d, size_t n, unsigned char *md);
unsigned char *MD5(const unsigned char *d, size_t n, unsigned char *md);
]]

local crypto = ffi.load("libcrypto.so.3")

local ngx = rawget(_G, "ngx") or {}
_G.ngx = ngx

ngx.null = ffi.cast("void *", 0) and require("cjson").null
ngx.re = { match = pcre.match, find = pcre.find }
ngx.config = { subsystem = "http", nginx_version = 1027001 }

for name, value in pairs { STDERR = 0, EMERG = 1, ALERT = 2, CRIT = 3, ERR = 4, WARN = 5, NOTICE = 6, INFO = 7, DEBUG = 8,
                           OK = 0, ERROR = -1, AGAIN = -2, DONE = -4, DECLINED = -5 } do
  ngx[name] = value
end


local function digest(fn, size)
  return function(text)
    local out = ffi.new("unsigned char[?]", size)
    fn(text, #text, out)
    return ffi.string(out, size)
  end
end


local function hex(text)
  return (text:gsub(".", function(c)
    return ("%02x"):format(c:byte())
  end))
end


ngx.sha1_bin = digest(crypto.SHA1, 20)
ngx.md5_bin = digest(crypto.MD5, 16)


function ngx.md5(text)
  return hex(ngx.md5_bin(text))
end


function ngx.log()
end


function ngx.time()
  return os.time()
end


function ngx.now()
  return os.time()
end


function ngx.update_time()
end


function ngx.get_phase()
  return "timer"
end


function ngx.sleep()
end


function ngx.escape_uri(text, kind)
  local keep = kind == 0 and "[^%w%-%._~!#$&'()*+,/:;=?@%[%]]" or "[^%w%-%._~!'()*]"
  return (text:gsub(keep, function(c)
    return ("%%%02X"):format(c:byte())
  end))
end


function ngx.unescape_uri(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end


local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


function ngx.encode_base64(text, no_padding)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for shift = 18, 0, -6 do
      local at = bit.band(bit.rshift(n, shift), 63) + 1
      out[#out + 1] = ALPHABET:sub(at, at)
    end
    if not c then
      out[#out] = no_padding and "" or "="
    end
    if not b then
      out[#out - 1] = no_padding and "" or "="
    end
  end
  return table.concat(out)
end


function ngx.decode_base64(text)
  text = text:gsub("=+$", "")
  if text:find("[^%w+/]") or #text % 4 == 1 then
    return nil
  end
  local out, n, bits = {}, 0, 0
  for c in text:gmatch(".") do
    n = n * 64 + ALPHABET:find(c, 1, true) - 1
    bits = bits + 6
    if bits >= 8 then
      bits = bits - 8
      local value = math.floor(n / 2 ^ bits)
      out[#out + 1] = string.char(value)
      n = n - value * 2 ^ bits
    end
  end
  return table.concat(out)
end


return ngx
