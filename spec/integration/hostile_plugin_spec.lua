local kgw = require "spec.support.kgw"


-- Each entry is what the plugin does in a phase: its request may fail in any way, the worker must not notice.
local HANDLER = [[
local Hostile = { PRIORITY = 10, VERSION = "1.0" }

local function deep(n)
  return deep(n + 1) + 1
end

local acts = {
  error_nil = function() error(nil) end,
  error_table = function() error({}) end,
  error_object = function() error(setmetatable({}, { __tostring = function() error("again") end })) end,
  error_cdata = function() error(require("ffi").new("int[4]")) end,
  overflow = function() return deep(0) end,
  coroutine_overflow = function() local function f() return coroutine.wrap(f)() end f() end,
  yield = function() coroutine.yield() end,
  yield_value = function() coroutine.yield("garbage", {}, print) end,
  sleep = function() ngx.sleep(0.001) end,
  socket = function() local s = ngx.socket.tcp() s:connect("127.0.0.1", 1) end,
  exit_odd = function() ngx.exit(999) end,
  exit_negative = function() ngx.exit(-7) end,
  exit_text = function() ngx.exit("x") end,
  ctx_text = function() ngx.ctx = "text" end,
  ctx_nil = function() ngx.ctx = nil end,
  ctx_fields = function() for key in pairs(ngx.ctx) do ngx.ctx[key] = false end end,
  phase = function() ngx.ctx.KONG_PHASE = {} kong.request.get_method() end,
  plan = function() ngx.ctx.plugins_plan = 5 end,
  arg = function() ngx.arg[1] = print end,
  arg_table = function() ngx.arg[1] = { { "a" }, "b", 5 } end,
  arg_index = function() ngx.arg[{}] = 1 end,
  header_bytes = function() ngx.header["X\r\nInjected: 1"] = "a" end,
  header_value = function() ngx.header["X-A"] = "a\r\nInjected: 1" end,
  header_many = function() for i = 1, 2000 do ngx.header["X-" .. i] = ("v"):rep(100) end end,
  header_cycle = function() local t = {} t[1] = t ngx.header["X-A"] = t end,
  request_header = function() ngx.req.set_header("A\0b", "c\0d") end,
  print_cycle = function() local t = {} t[1] = t ngx.print(t) end,
  print_late = function() ngx.say("late") end,
  status = function() ngx.status = -5 end,
  status_text = function() ngx.status = "x" end,
  uri = function() ngx.req.set_uri("") end,
  args = function() ngx.req.set_uri_args(("a=1&"):rep(100000)) end,
  body = function() ngx.req.read_body() ngx.req.set_body_data(("x"):rep(5000000)) end,
  threads = function() for _ = 1, 200 do ngx.thread.spawn(function() ngx.sleep(100) end) end end,
  coroutines = function() for _ = 1, 2000 do coroutine.resume(coroutine.create(function() coroutine.yield() end)) end end,
  timers = function() for _ = 1, 100 do ngx.timer.at(0, function() error("in a timer") end) end end,
  kill_self = function() ngx.thread.kill(coroutine.running()) end,
  resume_self = function() coroutine.resume(coroutine.running()) end,
  exit_twice = function() pcall(kong.response.exit, 200, "a") kong.response.exit(201, "b") end,
  exit_cycle = function() local t = {} t.t = t kong.response.exit(200, t) end,
  exit_coroutine = function() coroutine.wrap(function() kong.response.exit(200, "from inside") end)() end,
  regex = function() ngx.re.match(("a"):rep(5000), "(a+)+b") end,
  gc = function() collectgarbage("collect") end,
  globals = function() string.format = nil table.concat = nil end,
}

local format, concat = string.format, table.concat

local function act(phase)
  string.format, table.concat = format, concat
  local wanted = kong.request.get_header("x-phase")
  if wanted == phase then
    acts[kong.request.get_header("x-act")]()
  end
end

for _, phase in ipairs { "rewrite", "access", "header_filter", "body_filter", "log" } do
  Hostile[phase] = function()
    act(phase)
  end
end

function Hostile:init_worker()
  local names = {}
  for name in pairs(acts) do
    names[#names + 1] = name
  end
  ngx.shared.kong:set("acts", concat(names, ","))
end

return Hostile
]]
local SCHEMA = [[return { name = "hostile", fields = { { config = { type = "record", fields = {} } } } }]]
local YML = [[
_format_version: "3.0"
plugins:
- name: hostile
routes:
- name: names
  paths: [/names]
  plugins:
  - name: pre-function
    config: {access: ["kong.response.exit(200, ngx.shared.kong:get('acts'))"]}
- name: r
  paths: [/]
  plugins:
  - name: request-termination
    config: {status_code: 200, body: fine}
]]


describe("a hostile plugin", function()
  after_each(kgw.stop_all)

  it("takes no worker down, whatever it does in whatever phase", function()
    local node = kgw.new({ plugins = "bundled,hostile", plugin_cpu_limit = 200 }, YML)
    node:write("lua/kong/plugins/hostile/handler.lua", HANDLER)
    node:write("lua/kong/plugins/hostile/schema.lua", SCHEMA)
    node:write_conf { lua_package_path = node.folder .. "/lua/?.lua" }
    node:start()
    local worker = node:workers()[1]
    local _, names = node:get("/names")
    local cnt = 0
    for name in names:gmatch("[^,]+") do
      for _, phase in ipairs { "rewrite", "access", "header_filter", "body_filter", "log" } do
        node:get("/", { ["X-Phase"] = phase, ["X-Act"] = name })
        local status, body = node:get("/")
        assert.are.equal(200, status, phase .. " " .. name .. ": " .. tostring(body))
        assert.are.equal("fine", body)
        assert.are.equal(worker, node:workers()[1], "the worker ended in " .. phase .. " " .. name)
        cnt = cnt + 1
      end
    end
    assert.is_true(cnt > 200)
  end)
end)
