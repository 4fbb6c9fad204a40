-- ngx.errlog: lines kept for plugins.
local errlog = require "ngx.errlog"
local C = require("ngx.base").C


describe("ngx.errlog", function()
  after_each(function()
    C.kgw_ffi_log_ring_open(0)
  end)


  it("says that nothing is kept unless the directive is set", function()
    local expected = { nil, "directive \"lua_capture_error_log\" is not set" }
    assert.same(expected, { errlog.get_logs() })
    assert.same(expected, { errlog.set_filter_level(ngx.ERR) })
    assert.same({ nil, "missing \"level\" argument" }, { errlog.set_filter_level() })
  end)


  it("gives the lines of a level, oldest first, and forgets them", function()
    C.kgw_ffi_log_ring_open(10000)
    local before = errlog.get_sys_filter_level()
    errlog.set_sys_filter_level(ngx.WARN)
    assert.is_true(errlog.set_filter_level(ngx.ERR))
    ngx.log(ngx.WARN, "not this one")
    for i = 1, 12 do
      ngx.log(ngx.ERR, "line ", i)
    end
    local res = errlog.get_logs()
    assert.equal(30, #res)
    assert.equal(ngx.ERR, res[1])
    assert.is_true(math.abs(ngx.now() - res[2]) < 5)
    assert.matches("^%d+/%d+/%d+ %d+:%d+:%d+ %[error%] .*line 1", res[3])
    assert.equal(res, errlog.get_logs(100, res))
    assert.matches("line 12", res[6])
    assert.is_nil(res[7])
    assert.same({}, errlog.get_logs())
    errlog.set_sys_filter_level(before)
  end)
end)
