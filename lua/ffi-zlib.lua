-- require "ffi-zlib": packs and unpacks streams. Input is a function (size) -> text or nil at the end, output a function
-- (text) that may return an error. Returns true, or false and an error.
local ffi = require "ffi"
local zlib = require "kong.tools.zlib"

local ffi_string = ffi.string
local type = type

local DEFAULT_CHUNK = 16384
local NO_FLUSH, FINISH = 0, 4
local OK, STREAM_END, BUF_ERROR = 0, 1, -5
local GZIP_BITS, ANY_BITS = 15 + 16, 15 + 32
local MEMORY, LEVEL = 8, -1

local ffi_zlib = { _VERSION = "0.6" }


-- Steps until the input at hand is used up. The last code | nil, err.
local function use_up(stream, step, flush, out, chunk, output)
  local rc
  repeat
    stream.next_out, stream.avail_out = out, chunk
    rc = step(stream, flush)
    if rc ~= OK and rc ~= STREAM_END and rc ~= BUF_ERROR then
      return nil, zlib.message(stream, rc)
    end
    local n = chunk - stream.avail_out
    if n > 0 then
      local _, err = output(ffi_string(out, n))
      if err then
        return nil, err
      end
    end
  until stream.avail_out > 0 or rc == STREAM_END
  return rc
end


local function pump(stream, step, is_packing, input, output, chunk)
  local out = ffi.new("unsigned char[?]", chunk)
  while true do
    local text = input(chunk)
    local is_last = not text or text == ""
    text = text or ""
    stream.next_in, stream.avail_in = text, #text
    local rc, err = use_up(stream, step, is_last and is_packing and FINISH or NO_FLUSH, out, chunk, output)
    if not rc then
      return false, "INFLATE: " .. err
    end
    if rc == STREAM_END then
      return true
    end
    if is_last then
      return false, "INFLATE: data error"
    end
  end
end


-- bits: those of zlib; gzip or zlib format when absent.
function ffi_zlib.inflateGzip(input, output, chunk, bits)
  local stream, err = zlib.inflater(bits or ANY_BITS)
  if not stream then
    return false, "INIT: " .. err
  end
  local ok
  ok, err = pump(stream, zlib.inflate, false, input, output, chunk or DEFAULT_CHUNK)
  zlib.inflate_end(stream)
  return ok, err
end


-- options: { level, memLevel, strategy, windowBits } or nil.
function ffi_zlib.deflateGzip(input, output, chunk, options)
  options = type(options) == "table" and options or {}
  local stream, err = zlib.deflater(options.level or LEVEL, options.windowBits or GZIP_BITS, options.memLevel or MEMORY,
                                    options.strategy)
  if not stream then
    return false, "INIT: " .. err
  end
  local ok
  ok, err = pump(stream, zlib.deflate, true, input, output, chunk or DEFAULT_CHUNK)
  zlib.deflate_end(stream)
  return ok, err
end


function ffi_zlib.version()
  return zlib.version()
end


return ffi_zlib
