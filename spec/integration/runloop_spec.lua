-- The run loop over real sockets: one node stands for the services, another proxies to it.
local kgw = require "spec.support.kgw"


local ORIGIN = [[
_format_version: "3.0"
routes:
- name: any
  paths: [/]
  plugins:
  - name: pre-function
    config:
      access:
      - |
        local status = tonumber(kong.request.get_header("x-status")) or 200
        kong.response.exit(status, kong.request.get_path() .. " " .. kong.request.get_header("host"))
]]


-- An origin node and its port in the text of `yml` as ${UP}, a free port nobody listens on as ${CLOSED}.
local function pair(conf, yml)
  local origin = kgw.new({}, ORIGIN):start()
  local closed = kgw.free_port()
  yml = yml:gsub("${UP}", origin.proxy):gsub("${CLOSED}", closed)
  return kgw.new(conf, yml), origin
end


describe("a proxied request", function()
  after_each(kgw.stop_all)

  it("takes the matched prefix off and goes to the service's path", function()
    local node, origin = pair({}, [[
_format_version: "3.0"
services:
- name: s
  url: http://127.0.0.1:${UP}/base
  routes: [{name: r, paths: [/r]}]
]])
    node:start()
    local status, body = node:get("/r/x%20y")
    assert.equal(200, status)
    assert.equal("/base/x y 127.0.0.1:" .. origin.proxy, body)
    assert.equal(404, (node:get("/none")))
  end)

  it("costs only itself when a plugin raises an error", function()
    local node = pair({}, [[
_format_version: "3.0"
services:
- name: s
  url: http://127.0.0.1:${UP}
  routes: [{name: good, paths: [/good]}, {name: bad, paths: [/bad], plugins: [{name: pre-function, config: {access: ["error('broken')"]}}]}]
]])
    node:start()
    for _ = 1, 3 do
      local status, body = node:get("/bad")
      assert.equal(500, status)
      assert.matches("An unexpected error occurred", body, 1, true)
      assert.equal(200, (node:get("/good")))
    end
    assert.matches("plugin 'pre%-function' failed in phase access, request_id: %x+", node:error_log())
  end)

  it("runs the plugins of the consumer that an earlier plugin found", function()
    local node = pair({}, [[
_format_version: "3.0"
consumers: [{username: ann, keyauth_credentials: [{key: k}]}]
plugins:
- {name: key-auth, config: {anonymous: null}}
- {name: response-transformer, consumer: ann, config: {add: {headers: ["x-for:ann"]}}}
services:
- {name: s, url: "http://127.0.0.1:${UP}", routes: [{name: r, paths: [/]}]}
]])
    node:start()
    local status, _, head = node:get("/", { apikey = "k" })
    assert.equal(200, status)
    assert.matches("x-for: ann", head:lower(), 1, true)
    assert.equal(401, (node:get("/")))
  end)

  it("goes on to the next target when one refuses", function()
    local node = pair({}, [[
_format_version: "3.0"
upstreams:
- {name: u, targets: [{target: "127.0.0.1:${CLOSED}", weight: 10}, {target: "127.0.0.1:${UP}", weight: 10}]}
services:
- {name: s, host: u, routes: [{name: r, paths: [/]}]}
]])
    node:start()
    for _ = 1, 6 do
      assert.equal(200, (node:get("/")))
    end
  end)
end)


describe("health", function()
  after_each(kgw.stop_all)

  it("that one worker found is known to all", function()
    local node = pair({ nginx_worker_processes = 2 }, [[
_format_version: "3.0"
upstreams:
- name: u
  targets: [{target: "127.0.0.1:${UP}"}]
  healthchecks: {passive: {unhealthy: {http_failures: 1, http_statuses: [500]}}}
services:
- {name: s, host: u, routes: [{name: r, paths: [/]}]}
]])
    node:start()
    assert.equal(500, (node:get("/", { ["x-status"] = "500" })))
    kgw.wait_for("a worker to hear of it", 3, function()
      local all_know = true
      for _ = 1, 8 do
        all_know = all_know and node:get("/") == 503
      end
      return all_know
    end)
  end)

  it("of a closed port is found by probes", function()
    local node = pair({}, [[
_format_version: "3.0"
upstreams:
- name: u
  targets: [{target: "127.0.0.1:${CLOSED}"}]
  healthchecks: {active: {healthy: {interval: 0.1, successes: 1}, unhealthy: {interval: 0.1, tcp_failures: 1}}}
services:
- {name: s, host: u, routes: [{name: r, paths: [/]}]}
]])
    node:start()
    kgw.wait_for("the probe", 3, function()
      local status, body = node:get("/")
      return status == 503 and body:find("failure to get a peer from the ring-balancer", 1, true)
    end)
  end)
end)


describe("a worker in which init_worker failed", function()
  after_each(kgw.stop_all)

  it("serves, and says with every request that it should not", function()
    local node = pair({ plugins = "bundled,broken" }, [[
_format_version: "3.0"
services:
- {name: s, url: "http://127.0.0.1:${UP}", routes: [{name: r, paths: [/]}]}
]])
    node:write("lua/kong/plugins/broken/handler.lua",
               "return { PRIORITY = 1, VERSION = '1.0', init_worker = function() error('cannot begin') end }")
    node:write("lua/kong/plugins/broken/schema.lua", "return { name = 'broken', fields = { { config = { type = 'record', fields = {} } } } }")
    node:write_conf { lua_package_path = node.folder .. "/lua/?.lua" }
    node:start()
    assert.equal(200, (node:get("/")))
    local log = node:error_log()
    assert.matches('failed to execute the "init_worker" handler for plugin "broken".-cannot begin', log)
    assert.matches("%[alert%].-init_worker handler failed; this node must be restarted", log)
  end)
end)
