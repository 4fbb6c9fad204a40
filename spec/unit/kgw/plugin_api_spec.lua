-- What plugin check finds out about the API, in a process that goes on to serve requests (kgw dev).
local api = require "kgw.plugin.api"


describe("the API as plugin check sees it", function()
  it("leaves nothing behind in compiled code", function()
    local base = require "ngx.base"
    local checks = 0
    -- As functions of the ngx API do it: the check is an upvalue that nobody assigns.
    local check_phase = base.check_phase
    local function asks()
      checks = checks + 1
      check_phase(0xffffffff)
    end
    ngx.spec_asks = asks
    local seen
    for _ = 1, 200 do
      seen = api.ngx()["ngx.spec_asks"]
    end
    ngx.spec_asks = nil
    assert.is_table(seen.set)
    for _ = 1, 200 do
      assert.is_true(pcall(asks))
    end
    assert.is_true(checks > 400)
    assert.is_true(jit.status())
  end)
end)
