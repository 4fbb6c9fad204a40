-- zlib's streams for kong.tools.gzip and ffi-zlib. Its functions have names of our own here: libraries declare the real
-- ones with types of theirs, and one name can only be declared once.
local ffi = require "ffi"

ffi.cdef [[
typedef struct kgw_z_stream {
  const unsigned char *next_in; unsigned int avail_in; unsigned long total_in;
  unsigned char *next_out; unsigned int avail_out; unsigned long total_out;
  const char *msg; void *state; void *zalloc; void *zfree; void *opaque;
  int data_type; unsigned long adler; unsigned long reserved;
} kgw_z_stream;
const char *kgw_z_version(void) __asm__("zlibVersion");
const char *kgw_z_error(int code) __asm__("zError");
int kgw_z_deflate_init(kgw_z_stream *z, int level, int method, int bits, int mem, int strategy, const char *v, int size) __asm__("deflateInit2_");
int kgw_z_deflate(kgw_z_stream *z, int flush) __asm__("deflate");
int kgw_z_deflate_end(kgw_z_stream *z) __asm__("deflateEnd");
int kgw_z_inflate_init(kgw_z_stream *z, int bits, const char *version, int size) __asm__("inflateInit2_");
int kgw_z_inflate(kgw_z_stream *z, int flush) __asm__("inflate");
int kgw_z_inflate_end(kgw_z_stream *z) __asm__("inflateEnd");
]]

local lib = pcall(function()
  return ffi.C.kgw_z_version
end) and ffi.C or ffi.load("z")

local DEFLATED = 8
local SIZE = ffi.sizeof("kgw_z_stream")

local zlib = {
  deflate = lib.kgw_z_deflate,
  deflate_end = lib.kgw_z_deflate_end,
  inflate = lib.kgw_z_inflate,
  inflate_end = lib.kgw_z_inflate_end,
}


function zlib.version()
  return ffi.string(lib.kgw_z_version())
end


function zlib.message(stream, rc)
  return ffi.string(stream.msg ~= nil and stream.msg or lib.kgw_z_error(rc))
end


local function checked(stream, rc)
  if rc ~= 0 then
    return nil, zlib.message(stream, rc)
  end
  return stream
end


-- bits: 15, with 16 added for gzip, negative for none of the frames. A stream that ends with deflate_end | nil, err.
function zlib.deflater(level, bits, memory, strategy)
  local stream = ffi.new("kgw_z_stream")
  return checked(stream, lib.kgw_z_deflate_init(stream, level, DEFLATED, bits, memory, strategy or 0, lib.kgw_z_version(), SIZE))
end


-- bits as above; 32 added: zlib or gzip, whichever comes.
function zlib.inflater(bits)
  local stream = ffi.new("kgw_z_stream")
  return checked(stream, lib.kgw_z_inflate_init(stream, bits, lib.kgw_z_version(), SIZE))
end


return zlib
