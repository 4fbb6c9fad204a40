local kgw = require "spec.support.kgw"


local HANDLER = [[
local Spin = { PRIORITY = 10, VERSION = "1.0" }
local spins = {
  empty = function() while true do end end,
  count = function() local i = 0 while true do i = i + 1 end end,
  guarded = function() local t, n = { 1, 2 }, 0 while true do n = n + (t[n % 3] or 0) end end,
  callback = function() while true do ("abc"):gsub(".", string.upper) end end,
  caught = function() while true do pcall(function() for _ = 1, 1e6 do end end) end end,
  coroutine = function() coroutine.wrap(function() while true do end end)() end,
}
spins.timer = function()
  ngx.timer.at(0.05, function()
    spins.empty()
  end)
end
function Spin:access()
  local which = kong.request.get_query_arg("spin")
  if which then
    spins[which]()
  end
end
return Spin
]]


describe("a plugin that computes for ever", function()
  local node, worker

  before_each(function()
    node = kgw.start_with_plugin("spin", HANDLER, { plugin_cpu_limit = 100 },
                                 "  - name: request-termination\n    config: {status_code: 200, body: fine}\n")
    worker = node:workers()[1]
  end)

  after_each(kgw.stop_all)

  it("costs its own request and no other", function()
    for _, which in ipairs { "empty", "count", "guarded", "callback", "caught", "coroutine" } do
      assert.are.equal(500, (node:get("/?spin=" .. which)), which)
      local status, body = node:get("/")
      assert.are.equal(200, status)
      assert.are.equal("fine", body)
    end
    assert.are.equal(worker, node:workers()[1])
    assert.matches("plugin 'spin' failed in phase access.-interrupted after 100 ms.-spin/handler.lua", node:error_log())
  end)

  it("is given more time in a timer, but not for ever", function()
    assert.are.equal(200, (node:get("/?spin=timer")))
    kgw.wait_for("the timer to end", 20, function()
      return node:error_log():find("interrupted after 2000 ms", 1, true)
    end)
    kgw.wait_for("an answer", 5, function()
      return node:get("/") == 200
    end)
    assert.are.equal(worker, node:workers()[1])
  end)
end)
