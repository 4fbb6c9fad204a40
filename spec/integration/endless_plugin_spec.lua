local kgw = require "spec.support.kgw"


-- Code that never ends, in the ways that differ for whoever interrupts it.
local SPINS = [[
local spins = {}
function spins.empty() while true do end end
function spins.compiled() local t, n = { 1, 2 }, 0 while true do n = n + (t[n % 3] or 0) end end
function spins.calls() while true do ("abc"):gsub(".", string.upper) end end
function spins.caught() while true do pcall(function() while true do end end) end end
function spins.caught_twice() while true do xpcall(function() pcall(spins.empty) spins.empty() end, function() end) end end
function spins.coroutine() coroutine.wrap(spins.caught)() end
function spins.thread() ngx.thread.spawn(spins.empty) end
function spins.threads() while true do ngx.thread.spawn(function() end) end end
function spins.woken() ngx.thread.wait(ngx.thread.spawn(function() ngx.sleep(0.001) spins.empty() end)) end
return spins
]]

local SCHEMA = [[return { name = "NAME", fields = { { config = { type = "record", fields = { { x = { type = "string" } } } } } } }]]

local YML = [[
_format_version: "3.0"
routes:
- name: r
  paths: [/]
  plugins:
  - name: request-termination
    config: {status_code: 200, body: fine}
]]

-- 20 times as much is what these phases get: 1 s.
local LIMIT = 50


describe("a plugin that never ends", function()
  local node

  -- plugins: name -> { handler, schema or nil }
  local function prepare(plugins, yml, conf)
    local names = { "bundled" }
    for name in pairs(plugins) do
      names[#names + 1] = name
    end
    node = kgw.new({ plugins = table.concat(names, ","), plugin_cpu_limit = LIMIT }, yml or YML)
    node:write("lua/spins.lua", SPINS)
    for name, files in pairs(plugins) do
      node:write("lua/kong/plugins/" .. name .. "/handler.lua", files[1])
      node:write("lua/kong/plugins/" .. name .. "/schema.lua", (files[2] or SCHEMA):gsub("NAME", name))
    end
    node:write_conf { lua_package_path = node.folder .. "/lua/?.lua" }
    node:write_conf(conf)
  end

  local function serves()
    local status, body = node:get("/")
    assert.are.equal(200, status, tostring(body) .. node:error_log():sub(-2000))
    assert.are.equal("fine", body)
  end

  after_each(kgw.stop_all)

  it("in init_worker costs its own start: the worker comes up and serves", function()
    local plugins = {}
    for _, spin in ipairs { "empty", "compiled", "calls", "caught", "caught_twice", "coroutine" } do
      plugins["spin-" .. spin:gsub("_", "-")] = { ([[
        return { PRIORITY = 10, VERSION = "1.0", init_worker = function() require("spins").%s() end }
      ]]):format(spin) }
    end
    plugins.last = { [[return { PRIORITY = 1, VERSION = "1.0", init_worker = function() ngx.log(ngx.ERR, "the last one began") end }]] }
    prepare(plugins)
    node:start()
    serves()
    local log = node:error_log()
    for _, spin in ipairs { "empty", "compiled", "calls", "caught", "caught-twice", "coroutine" } do
      assert.matches("worker initialization error: failed to execute the \"init_worker\" handler for plugin \"spin%-" .. spin:gsub("%-", "%%-")
                     .. "\": [^\n]*interrupted after 1000 ms.-spins.lua:.-; this node must be restarted", log)
    end
    assert.matches("the last one began", log)
    assert.are.equal(1, #node:workers())
  end)

  it("in configure costs its own taking over", function()
    prepare({
      ["spin-a"] = { [[return { PRIORITY = 10, VERSION = "1.0", configure = function() require("spins").caught() end }]] },
      ["spin-b"] = { [[return { PRIORITY = 9, VERSION = "1.0", configure = function() require("spins").compiled() end }]] },
      last = { [[return { PRIORITY = 1, VERSION = "1.0", configure = function() ngx.log(ngx.ERR, "the last one began") end }]] },
    })
    node:start()
    serves()
    local log = node:error_log()
    for _, name in ipairs { "spin%-a", "spin%-b" } do
      assert.matches("failed to execute the \"configure\" handler for plugin \"" .. name .. "\": [^\n]*spins.lua:%d+: interrupted after 1000 ms", log)
    end
    assert.matches("the last one began", log)
  end)

  it("in configure while the node runs costs its own taking over", function()
    local port = kgw.free_port()
    prepare({
      ["spin-a"] = { [[
        return { PRIORITY = 10, VERSION = "1.0", configure = function(_, configs) if configs then require("spins").caught() end end }
      ]] },
      last = { [[
        return { PRIORITY = 1, VERSION = "1.0", configure = function(_, configs) if configs then ngx.log(ngx.ERR, "the last one began") end end }
      ]] },
    }, nil, { admin_listen = "127.0.0.1:" .. port })
    node:start()
    local with = YML:gsub("  plugins:\n", "  plugins:\n  - name: spin-a\n  - name: last\n")
    local status, body = kgw.post("/config", with, "text/yaml", port)
    assert.are.equal(201, status, body)
    kgw.wait_for("the last plugin's configure", 10, function()
      return node:error_log():find("the last one began", 1, true)
    end)
    assert.matches("\"configure\" handler for plugin \"spin%-a\": [^\n]*interrupted", node:error_log())
    serves()
  end)

  it("while its files are loaded is an error of the start", function()
    for _, files in ipairs {
      { [[require("spins").caught()]] },
      { [[return { PRIORITY = 10, VERSION = "1.0" }]], [[require("spins").compiled()]] },
    } do
      prepare { spin = files }
      local code, _, err = node:cli("start")
      assert.are.equal(1, code)
      assert.matches("on plugin 'spin'.-spins.lua:%d+: interrupted after 1000 ms", err)
    end
  end)

  it("while its files are loaded again is an error of the reload: the node goes on as it was", function()
    prepare { spin = { [[return { PRIORITY = 10, VERSION = "1.0" }]] } }
    node:start()
    local worker = node:workers()[1]
    node:write("lua/kong/plugins/spin/handler.lua", [[require("spins").empty()]])
    node:cli("reload")
    kgw.wait_for("the error of the reload", 10, function()
      return node:error_log():match("on plugin 'spin'.-interrupted after 1000 ms")
    end)
    serves()
    assert.are.equal(worker, node:workers()[1])
  end)

  local VALIDATOR = [[
    local function check(value)
      if value == "spin" then
        require("spins").WHICH()
      end
      return true
    end
    return { name = "spin", fields = { { config = { type = "record", fields = { { x = { type = "string", custom_validator = check } } } } } } }
  ]]

  it("in a validator makes the configuration wrong", function()
    for _, spin in ipairs { "empty", "caught" } do
      local port = kgw.free_port()
      prepare({ spin = { [[return { PRIORITY = 10, VERSION = "1.0" }]], (VALIDATOR:gsub("WHICH", spin)) } }, nil,
              { admin_listen = "127.0.0.1:" .. port })
      node:start()
      local bad = YML:gsub("  plugins:\n", "  plugins:\n  - name: spin\n    config: {x: spin}\n")
      local status, body = kgw.post("/config", bad, "text/yaml", port)
      assert.is_true(status == 400 or status == 500, tostring(status) .. tostring(body))
      serves()
      node:write("kong.yml", bad)
      node:cli("stop")
      local code, _, err = node:cli("start")
      assert.are.equal(1, code)
      assert.matches("spins.lua:%d+: interrupted after 1000 ms", err)
      kgw.stop_all()
    end
  end)

  it("in the certificate phase costs its own handshake", function()
    local port = kgw.free_port()
    prepare({ spin = { [[
      return { PRIORITY = 10, VERSION = "1.0", certificate = function() require("spins").caught() end }
    ]] } }, YML .. "plugins:\n- name: spin\n", { proxy_listen = "127.0.0.1:PROXY, 127.0.0.1:" .. port .. " ssl" })
    node:write_conf { proxy_listen = node.settings.proxy_listen:gsub("PROXY", node.proxy) }
    node:start()
    local worker = node:workers()[1]
    local sock = ngx.socket.tcp()
    sock:settimeout(10000)
    assert(sock:connect("127.0.0.1", port))
    sock:sslhandshake(nil, "localhost", false)
    sock:close()
    serves()
    assert.matches("spins.lua:%d+: interrupted after 50 ms", node:error_log())
    assert.are.equal(worker, node:workers()[1])
  end)

  it("in light threads costs its own request", function()
    prepare({ spin = { [[
      return { PRIORITY = 10, VERSION = "1.0", access = function()
        local spin = kong.request.get_header("x-spin")
        if spin then require("spins")[spin]() end
      end }
    ]] } }, (YML:gsub("  plugins:\n", "  plugins:\n  - name: spin\n")))
    node:start()
    local worker = node:workers()[1]
    for _, spin in ipairs { "thread", "threads", "woken" } do
      node:get("/", { ["X-Spin"] = spin })
      serves()
    end
    assert.is_true(select(2, node:error_log():gsub("interrupted after %d+ ms", "")) >= 3)
    assert.are.equal(worker, node:workers()[1])
  end)

  it("in timers is interrupted once: one that comes again and again does not come again", function()
    prepare { spin = { [[
      return { PRIORITY = 10, VERSION = "1.0", init_worker = function()
        ngx.timer.every(0.01, function() require("spins").caught() end)
        ngx.timer.every(0.01, function() require("spins").empty() end)
        ngx.timer.at(0, function() ngx.thread.spawn(require("spins").compiled) end)
      end }
    ]] } }
    node:start()
    local worker = node:workers()[1]
    local function interruptions()
      return select(2, node:error_log():gsub("aborted: runtime error: [^\n]*interrupted after 1000 ms", ""))
    end
    kgw.wait_for("interruptions", 10, function()
      return interruptions() >= 3
    end)
    for _ = 1, 3 do
      serves()
    end
    assert.are.equal(3, interruptions())
    assert.are.equal(worker, node:workers()[1])
  end)
end)
