-- Functions of nginx that libraries declare and call themselves.
local ffi = require "ffi"

ffi.cdef [[
unsigned char *ngx_hex_dump(unsigned char *dst, const unsigned char *src, size_t len);
intptr_t ngx_atoi(const unsigned char *line, size_t n);
intptr_t ngx_hextoi(const unsigned char *line, size_t n);
]]


describe("nginx's functions by ffi", function()
  it("ngx_hex_dump", function()
    local out = ffi.new("unsigned char[6]")
    assert.equal(6, tonumber(ffi.C.ngx_hex_dump(out, "\1\171\255", 3) - out))
    assert.equal("01abff", ffi.string(out, 6))
  end)


  it("ngx_atoi, ngx_hextoi", function()
    assert.equal(120, tonumber(ffi.C.ngx_atoi("120x", 3)))
    assert.equal(-1, tonumber(ffi.C.ngx_atoi("12x", 3)))
    assert.equal(-1, tonumber(ffi.C.ngx_atoi("", 0)))
    assert.equal(-1, tonumber(ffi.C.ngx_atoi("99999999999999999999", 20)))
    assert.equal(255, tonumber(ffi.C.ngx_hextoi("fF", 2)))
  end)
end)
