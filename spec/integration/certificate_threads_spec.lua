local kgw = require "spec.support.kgw"

local HANDLER = [[
local ssl = require "ngx.ssl"
local H = { PRIORITY = 10, VERSION = "1.0" }
local acts = {}
function acts.wait()
  ngx.thread.spawn(function()
    ngx.sleep(0.05)
    ngx.log(ngx.ERR, "the thread saw ", ssl.server_name())
  end)
end
function acts.exit()
  ngx.thread.spawn(function() ngx.sleep(5) end)
  ngx.thread.spawn(function() ngx.sleep(0.01) ngx.exit(ngx.ERROR) end)
end
function acts.exit_at_once()
  ngx.thread.spawn(function() ngx.exit(ngx.ERROR) end)
  ngx.sleep(0.01)
end
function acts.raise()
  ngx.thread.spawn(function() ngx.sleep(0.01) error("raised in a thread") end)
end
function acts.nest()
  ngx.thread.spawn(function()
    for _ = 1, 5 do
      ngx.thread.spawn(function() ngx.sleep(0.02) ngx.thread.spawn(function() ngx.sleep(0.02) ssl.server_name() end) end)
    end
  end)
end
function H.certificate()
  local act = acts[ssl.server_name()]
  if act then
    act()
  end
end
return H
]]
local SCHEMA = [[return { name = "cert", fields = { { config = { type = "record", fields = {} } } } }]]
local YML = [[
_format_version: "3.0"
plugins:
- name: cert
routes:
- name: r
  paths: [/]
  plugins:
  - name: request-termination
    config: {status_code: 200, body: fine}
]]


describe("light threads of the certificate phase", function()
  local node, port, worker

  setup(function()
    port = kgw.free_port()
    node = kgw.new({ plugins = "bundled,cert" }, YML)
    node:write("lua/kong/plugins/cert/handler.lua", HANDLER)
    node:write("lua/kong/plugins/cert/schema.lua", SCHEMA)
    node:write_conf { lua_package_path = node.folder .. "/lua/?.lua", proxy_listen = "127.0.0.1:" .. node.proxy .. ", 127.0.0.1:" .. port .. " ssl" }
    node:start()
    worker = node:workers()[1]
  end)

  teardown(kgw.stop_all)

  -- Whether the handshake succeeded.
  local function shake(name, timeout_ms)
    local sock = ngx.socket.tcp()
    sock:settimeout(timeout_ms or 3000)
    assert(sock:connect("127.0.0.1", port))
    local ok = sock:sslhandshake(nil, name, false)
    sock:close()
    return ok and true or false
  end

  it("hold the handshake up until they end", function()
    assert.is_true(shake("wait"))
    assert.matches("the thread saw wait", node:error_log())
    assert.is_true(shake("nest"))
  end)

  it("end it when they exit, and fail it when that is an error", function()
    assert.is_false(shake("exit"))
    assert.is_false(shake("exit_at_once"))
    assert.is_true(shake("raise"))
    assert.matches("raised in a thread", node:error_log())
  end)

  it("end with a client that goes away", function()
    for _ = 1, 20 do
      for _, name in ipairs { "wait", "exit", "raise", "nest" } do
        shake(name, 5)
      end
    end
    assert.are.equal(200, (node:get("/")))
    assert.are.equal(worker, node:workers()[1])
  end)
end)
