-- gzip in memory, by zlib. Sizes are bounded by the caller's input; output grows as needed.
local ffi = require "ffi"

local C = ffi.C
local buffer = require "string.buffer"
local ffi_string = ffi.string

pcall(ffi.cdef, [[
typedef struct kong_z_stream {
  const unsigned char *next_in; unsigned int avail_in; unsigned long total_in;
  unsigned char *next_out; unsigned int avail_out; unsigned long total_out;
  const char *msg; void *state; void *zalloc; void *zfree; void *opaque;
  int data_type; unsigned long adler; unsigned long reserved;
} kong_z_stream;
const char *zlibVersion(void);
int deflateInit2_(kong_z_stream *strm, int level, int method, int bits, int mem, int strategy, const char *v, int size);
int deflate(kong_z_stream *strm, int flush);
int deflateEnd(kong_z_stream *strm);
int inflateInit2_(kong_z_stream *strm, int bits, const char *version, int size);
int inflate(kong_z_stream *strm, int flush);
int inflateEnd(kong_z_stream *strm);
const char *zError(int code);
]])

local zlib = pcall(function()
  return C.zlibVersion
end) and C or ffi.load("z")

local gzip = {}

local GZIP_BITS, ANY_BITS = 15 + 16, 15 + 32
local DEFLATED, MEM_LEVEL, DEFAULT = 8, 8, -1
local NO_FLUSH, FINISH = 0, 4
local STREAM_END, OK, BUF_ERROR = 1, 0, -5
local CHUNK = 65536

local stream_size = ffi.sizeof("kong_z_stream")
local out = ffi.new("unsigned char[?]", CHUNK)


local function message(stream, rc)
  return ffi_string(stream.msg ~= nil and stream.msg or zlib.zError(rc))
end


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
  local stream = ffi.new("kong_z_stream")
  local rc = zlib.deflateInit2_(stream, DEFAULT, DEFLATED, GZIP_BITS, MEM_LEVEL, 0, zlib.zlibVersion(), stream_size)
  if rc ~= OK then
    return nil, message(stream, rc)
  end
  return run(stream, zlib.deflate, zlib.deflateEnd, FINISH, text)
end


-- gzip or zlib format.
function gzip.inflate_gzip(text)
  local stream = ffi.new("kong_z_stream")
  local rc = zlib.inflateInit2_(stream, ANY_BITS, zlib.zlibVersion(), stream_size)
  if rc ~= OK then
    return nil, message(stream, rc)
  end
  return run(stream, zlib.inflate, zlib.inflateEnd, NO_FLUSH, text)
end


return gzip
