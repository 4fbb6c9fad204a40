-- The boundary between C and Lua: one header for both.
local ffi = require "ffi"

ffi.cdef "extern const char kgw_ffi_api_text[];"


describe("the C boundary", function()
  local text = ffi.string(ffi.C.kgw_ffi_api_text)

  it("has a C function behind every declaration", function()
    local n = 0
    for name in text:gmatch("(kgw_ffi_[%w_]+)%(") do
      n = n + 1
      assert.is_truthy(ffi.C[name], name)
    end
    assert.is_true(n > 100)
  end)

  it("is touched by lua/ngx and the boot code only", function()
    local found = {}
    local list = io.popen("grep -rlE 'C[.]kgw_ffi_' '" .. KGW_ROOT .. "/lua' '" .. KGW_ROOT .. "/plugins'")
    for path in list:lines() do
      path = path:sub(#KGW_ROOT + 2)
      if not path:find("^lua/ngx/") and not path:find("^lua/kgw/") then
        found[#found + 1] = path
      end
    end
    list:close()
    assert.same({}, found)
  end)
end)
