local kgw = require "spec.support.kgw"

local ROUNDS = tonumber(os.getenv("KGW_HOSTILE_ROUNDS")) or 300


local YML = [[
_format_version: "3.0"
services:
- name: itself
  url: http://127.0.0.1:%d/plain
  routes:
  - name: hostile
    paths: [/hostile]
    plugins: [{name: hostile}]
- name: plain
  url: http://127.0.0.1:1
  routes:
  - name: plain
    paths: [/plain]
    plugins: [{name: request-termination, config: {status_code: 200, body: "plain"}}]
]]


describe("a plugin that calls the C side with anything", function()
  after_each(kgw.stop_all)

  it("harms nobody else", function()
    local port = kgw.free_port()
    local node = kgw.new({
      proxy_listen = "127.0.0.1:" .. port, plugins = "bundled,hostile",
      lua_package_path = KGW_ROOT .. "/spec/support/plugins/?.lua;;",
    }, YML:format(port)):start()
    local worker = node:workers()[1]
    for seed = 1, ROUNDS do
      node:get("/hostile?seed=" .. seed, { ["X-Seed"] = seed }, port)
      if seed % 20 == 0 then
        local status, body = node:get("/plain", nil, port)
        assert.are.equal(200, status, "after seed " .. seed)
        assert.matches("plain", body, 1, true)
      end
    end
    assert.are.equal(worker, node:workers()[1])
  end)
end)
