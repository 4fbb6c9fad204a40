-- gzip in memory, by zlib. Sizes are bounded by the caller's input; output grows as needed.
local ffi = require "ffi"

local zlib = require "kong.tools.zlib"

local buffer = require "string.buffer"
local ffi_string = ffi.string

local gzip = {}

local GZIP_BITS, ANY_BITS = 15 + 16, 15 + 32
local MEM_LEVEL, DEFAULT = 8, -1
local NO_FLUSH, FINISH = 0, 4
local STREAM_END, BUF_ERROR = 1, -5
local CHUNK = 65536

local out = ffi.new("unsigned char[?]", CHUNK)
local message = zlib.message


-- Feeds the whole input and collects the output. text | nil, err.
local function run(stream, step, finish, flush, text)
  local parts = buffer.new()
  stream.next_in = text
  stream.avail_in = #text
  local rc
  repeat
    stream.next_out = out
    stream.avail_out = CHUNK
    rc = step(stream, flush)
    if rc < 0 and rc ~= BUF_ERROR then
      local err = message(stream, rc)
      finish(stream)
      return nil, err
    end
    parts:put(ffi_string(out, CHUNK - stream.avail_out))
  until rc == STREAM_END or (stream.avail_in == 0 and stream.avail_out > 0) or rc == BUF_ERROR
  finish(stream)
  if rc ~= STREAM_END then
    return nil, "unexpected end of data"
  end
  return parts:get()
end


function gzip.deflate_gzip(text)
  local stream, err = zlib.deflater(DEFAULT, GZIP_BITS, MEM_LEVEL)
  if not stream then
    return nil, err
  end
  return run(stream, zlib.deflate, zlib.deflate_end, FINISH, text)
end


-- gzip or zlib format.
function gzip.inflate_gzip(text)
  local stream, err = zlib.inflater(ANY_BITS)
  if not stream then
    return nil, err
  end
  return run(stream, zlib.inflate, zlib.inflate_end, NO_FLUSH, text)
end


return gzip
