-- The moments of a request's phases that plugins read from ngx.ctx: there when they are over, in order, in whole milliseconds.
local kgw = require "spec.support.kgw"

local ORIGIN = [[
_format_version: "3.0"
routes: [{name: any, paths: [/], plugins: [{name: request-termination, config: {status_code: 200, message: hello}}]}]
]]

local HANDLER = [[
local NAMES = {
  "KONG_PROCESSING_START", "KONG_REWRITE_START", "KONG_REWRITE_ENDED_AT", "KONG_ACCESS_START", "KONG_ACCESS_ENDED_AT",
  "KONG_BALANCER_START", "KONG_BALANCER_ENDED_AT", "KONG_RESPONSE_START", "KONG_RESPONSE_ENDED_AT",
  "KONG_HEADER_FILTER_START", "KONG_HEADER_FILTER_ENDED_AT", "KONG_BODY_FILTER_START", "KONG_BODY_FILTER_ENDED_AT",
  "KONG_LOG_START",
}
local Moments = { PRIORITY = 1, VERSION = "1.0" }

-- How many moments there are; raises when one is out of order.
local function count()
  local n, before = 0, 0
  for _, name in ipairs(NAMES) do
    local at = ngx.ctx[name]
    if at then
      assert(at == math.floor(at) and at >= before, name)
      n, before = n + 1, at
    end
  end
  return n
end

function Moments:access()
  ngx.ctx.seen = "access " .. count()
end

function Moments:header_filter()
  local ctx = ngx.ctx
  assert(ctx.KONG_WAITING_TIME == (ctx.KONG_RESPONSE_START or ctx.KONG_HEADER_FILTER_START) - ctx.KONG_BALANCER_ENDED_AT)
  assert(ctx.KONG_PROXY_LATENCY == ctx.KONG_BALANCER_ENDED_AT - ctx.KONG_PROCESSING_START)
  ctx.seen = ctx.seen .. ", header " .. count()
end

function Moments:log()
  local ctx = ngx.ctx
  assert(ctx.KONG_RECEIVE_TIME == ctx.KONG_BODY_FILTER_ENDED_AT - ctx.KONG_HEADER_FILTER_START)
  for _, name in ipairs { "REWRITE", "ACCESS", "BALANCER", "HEADER_FILTER", "BODY_FILTER" } do
    assert(ctx["KONG_" .. name .. "_TIME"] >= 0, name)
  end
  ngx.log(ngx.NOTICE, "moments: ", ctx.seen, ", log ", count())
end

return Moments
]]

local RESPONSE_HANDLER = [[
return {
  PRIORITY = 2, VERSION = "1.0",
  response = function()
    local ctx = ngx.ctx
    assert(ctx.KONG_RESPONSE_START and not ctx.KONG_RESPONSE_ENDED_AT and not ctx.KONG_HEADER_FILTER_START)
    assert(ctx.KONG_PROXY_LATENCY and ctx.KONG_WAITING_TIME)
  end,
}
]]


describe("moments of a request", function()
  after_each(kgw.stop_all)


  local function node_with(plugins)
    local origin = kgw.new({}, ORIGIN):start()
    local node = kgw.new({ plugins = "bundled,moments,held" }, ([[
_format_version: "3.0"
services: [{name: s, url: "http://127.0.0.1:${UP}", routes: [{name: r, paths: [/], plugins: [%s]}]}]
]]):format(plugins):gsub("${UP}", origin.proxy))
    for name, handler in pairs { moments = HANDLER, held = RESPONSE_HANDLER } do
      node:write("lua/kong/plugins/" .. name .. "/handler.lua", handler)
      node:write("lua/kong/plugins/" .. name .. "/schema.lua",
                 "return { name = '" .. name .. "', fields = { { config = { type = 'record', fields = {} } } } }")
    end
    node:write_conf { lua_package_path = node.folder .. "/lua/?.lua" }
    return node:start()
  end


  local function wait_for_log(node, pattern)
    kgw.wait_for(pattern, 3, function()
      return node:error_log():find(pattern)
    end)
  end


  it("are in order", function()
    local node = node_with "{name: moments}"
    assert.equal(200, (node:get("/")))
    wait_for_log(node, "moments: access 4, header 8, log 12")
  end)


  it("include those of a held response", function()
    local node = node_with "{name: moments}, {name: held}"
    local status, body = node:get("/")
    assert.equal(200, status, body)
    wait_for_log(node, "moments: access 4, header 10, log 14")
  end)
end)
