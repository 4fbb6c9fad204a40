-- A plugin that answers in header_filter, where nobody has a body_filter.
local kgw = require "spec.support.kgw"

local ORIGIN = [[
_format_version: "3.0"
routes: [{name: any, paths: [/], plugins: [{name: request-termination, config: {status_code: 200, body: the service's own longer text, content_type: text/plain}}]}]
]]


describe("kong.response.exit in header_filter", function()
  after_each(kgw.stop_all)


  it("puts its body in the place of the service's", function()
    local origin = kgw.new({}, ORIGIN):start()
    local node = kgw.new({ plugins = "bundled,late" }, ([[
_format_version: "3.0"
services: [{name: s, url: "http://127.0.0.1:${UP}", routes: [{name: r, paths: [/], plugins: [{name: late}]}]}]
]]):gsub("${UP}", origin.proxy))
    node:write("lua/kong/plugins/late/handler.lua",
               "return { PRIORITY = 1, VERSION = '1.0', header_filter = function() kong.response.exit(202, 'other text') end }")
    node:write("lua/kong/plugins/late/schema.lua", "return { name = 'late', fields = { { config = { type = 'record', fields = {} } } } }")
    node:write_conf { lua_package_path = node.folder .. "/lua/?.lua" }
    node:start()
    local status, body, head = node:get("/")
    assert.equal(202, status)
    assert.equal("other text", body)
    assert.matches("Content%-Length: 10\r\n", head)
  end)
end)
