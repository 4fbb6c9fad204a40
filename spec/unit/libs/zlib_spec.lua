-- Compression: kong.tools.gzip, ffi-zlib, and zlib as libraries declare it themselves.
local ffi = require "ffi"
local gzip = require "kong.tools.gzip"
local zlib = require "ffi-zlib"


local function source(text, size)
  local at = 1
  return function(wanted)
    local part = text:sub(at, at + (size or wanted) - 1)
    at = at + #part
    return part ~= "" and part or nil
  end
end


describe("zlib", function()
  local text = ("some text "):rep(10000)


  it("packs and unpacks streams", function()
    local packed, unpacked = {}, {}
    assert.is_true(zlib.deflateGzip(source(text), function(part) packed[#packed + 1] = part end, 1000, { level = 9 }))
    packed = table.concat(packed)
    assert.equal(text, gzip.inflate_gzip(packed))
    assert.is_true(zlib.inflateGzip(source(packed, 7), function(part) unpacked[#unpacked + 1] = part end))
    assert.equal(text, table.concat(unpacked))
  end)


  it("says what is wrong with the input, and passes on errors of the output", function()
    local ok, err = zlib.inflateGzip(source("garbage, not gzip"), function() end)
    assert.same({ false, "INFLATE: incorrect header check" }, { ok, err })
    assert.is_false((zlib.inflateGzip(source(gzip.deflate_gzip(text):sub(1, 100)), function() end)))
    assert.same({ false, "INFLATE: full" }, { zlib.deflateGzip(source(text), function() return nil, "full" end) })
  end)


  it("leaves zlib's names to libraries that declare them", function()
    ffi.cdef [[
      typedef struct z_stream_s { char *next_in; unsigned avail_in; unsigned long total_in; char *next_out; unsigned avail_out;
        unsigned long total_out; char *msg; void *state; void *zalloc; void *zfree; void *opaque; int data_type;
        unsigned long adler; unsigned long reserved; } z_stream;
      int inflateInit2_(z_stream *strm, int bits, const char *version, int size);
      int inflateEnd(z_stream *strm);
      const char *zlibVersion(void);
    ]]
    local lib = ffi.load("z")
    local stream = ffi.new("z_stream")
    assert.equal(0, lib.inflateInit2_(stream, 47, lib.zlibVersion(), ffi.sizeof(stream)))
    assert.equal(0, lib.inflateEnd(stream))
  end)
end)
