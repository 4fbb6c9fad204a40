-- resty.session for plugins that bring sessions of their own.
local kgw = require "spec.support.kgw"

local HANDLER = [[
local session = require "resty.session"
return {
  PRIORITY = 1, VERSION = "1.0",
  access = function()
    local options = { cookie_name = "visits" }
    local s, _, is_there = session.start(options)
    assert(next(s:get_data()) == nil or is_there)
    if kong.request.get_path() == "/out" then
      assert(session.logout(options))
      return kong.response.exit(200, "out")
    end
    local n = (s:get("n") or 0) + 1
    s:set("n", n)
    s:set("filler", ("abcdefgh"):rep(n == 1 and 500 or 1))
    assert(s:save())
    kong.response.exit(200, n .. " " .. #(s:get("filler")) .. " " .. ngx.worker.id())
  end,
}
]]


-- Cookies of a response's head as a request's header; a cookie that is dropped is left out.
local function cookies_of(head)
  local cookies, names = {}, {}
  for name, value, rest in head:gmatch("Set%-Cookie: ([^=\r\n]+)=([^;\r\n]*)([^\r\n]*)") do
    assert.is_nil(names[name], "two cookies of one name")
    names[name] = true
    if not rest:find("Max-Age=0", 1, true) then
      cookies[#cookies + 1] = name .. "=" .. value
    end
  end
  table.sort(cookies)
  return table.concat(cookies, "; "), #cookies
end


describe("resty.session", function()
  after_each(kgw.stop_all)


  local function start(conf)
    conf.plugins = "bundled,visits"
    local node = kgw.new(conf, '_format_version: "3.0"\nroutes: [{name: r, paths: [/], plugins: [{name: visits}]}]\n')
    node:write("lua/kong/plugins/visits/handler.lua", HANDLER)
    node:write("lua/kong/plugins/visits/schema.lua", "return { name = 'visits', fields = { { config = { type = 'record', fields = {} } } } }")
    node:write_conf { lua_package_path = node.folder .. "/lua/?.lua" }
    return node:start()
  end


  it("keeps more than a cookie holds in several cookies, drops those that are too many, and ends", function()
    local node = start {}
    local _, body, head = node:get("/")
    local cookie, n = cookies_of(head)
    assert.equal("1 4000 0", body)
    assert.is_true(n > 1)
    _, body, head = node:get("/", { Cookie = cookie })
    assert.equal("2 8 0", body)
    local next_cookie
    next_cookie, n = cookies_of(head)
    assert.equal(1, n)
    assert.equal("3 8 0", (select(2, node:get("/", { Cookie = next_cookie }))))
    _, body, head = node:get("/out", { Cookie = cookie })
    assert.equal("out", body)
    assert.equal("", (cookies_of(head)))
  end)


  it("without a secret is known to all workers", function()
    local node = start { nginx_worker_processes = 2 }
    local _, _, head = node:get("/")
    local cookie = cookies_of(head)
    local workers = {}
    kgw.wait_for("answers of both workers", 5, function()
      local _, body = node:get("/", { Cookie = cookie })
      assert.matches("^2 8 ", body)
      workers[body:match("%d$")] = true
      return workers["0"] and workers["1"]
    end)
  end)
end)
