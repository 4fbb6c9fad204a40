-- Fields that the client named in Connection end here, whatever a plugin makes of that field.
local kgw = require "spec.support.kgw"
local test = require "kgw.test"

local HANDLER = [[
local H = { VERSION = "1.0", PRIORITY = 1 }
function H:access()
  local how = kong.request.get_query_arg("how")
  if how == "clear" then
    kong.service.request.clear_header("Connection")
    ngx.req.clear_header("Connection")
  elseif how == "set" then
    ngx.req.set_header("Connection", "close")
  end
end
return H
]]


describe("fields named in Connection", function()
  after_each(kgw.stop_all)
  after_each(test.stop_all)

  it("do not reach the upstream when a plugin removes or replaces Connection", function()
    local upstream = test.upstream()
    local node = kgw.new({ plugins = "bundled,hop" }, ([[
_format_version: "3.0"
services:
- {name: s, url: "URL", routes: [{name: r, paths: [/], plugins: [{name: hop}]}]}
]]):gsub("URL", upstream.url))
    node:write("lua/kong/plugins/hop/handler.lua", HANDLER)
    node:write("lua/kong/plugins/hop/schema.lua",
               [[return { name = "hop", fields = { { config = { type = "record", fields = {} } } } }]])
    node:write_conf { lua_package_path = node.folder .. "/lua/?.lua" }
    node:start()
    for _, how in ipairs { "none", "clear", "set" } do
      local sock = ngx.socket.tcp()
      assert(sock:connect("127.0.0.1", node.proxy))
      assert(sock:send("GET /?how=" .. how .. " HTTP/1.1\r\nHost: a\r\nX-Named: 1\r\nX-Other: 1\r\nConnection: close, x-named\r\n\r\n"))
      assert.matches("^HTTP/1.1 200 ", sock:receive("*a"))
      sock:close()
      local got = upstream:last()
      assert.equal("1", got.headers["x-other"], how)
      assert.is_nil(got.headers["x-named"], how)
    end
  end)
end)
