-- Plugins that misbehave in every way a phase allows: the worker lives on, other requests are served, the log names the plugin.
local posix = require "kgw.posix"
local test = require "kgw.test"

local PHASES = { "rewrite", "access", "response", "header_filter", "body_filter", "log" }

-- What a phase does when conf.phase is its name; conf.deed picks.
local DEEDS = [[
local deeds = {}
function deeds.raise() error("raised on purpose") end
function deeds.raise_table() error({ 1, 2 }) end
function deeds.raise_nil() error() end
function deeds.index_nil() return kong.nothing.here.at_all end
function deeds.sleep() ngx.sleep(0.001) end
function deeds.yield() coroutine.yield() end
function deeds.yield_values() coroutine.yield(1, {}, nil, "x") end
function deeds.socket() local s = ngx.socket.tcp() s:connect("127.0.0.1", 1) end
function deeds.returns() return 1, nil, {}, function() end, "garbage", 0/0 end
function deeds.returns_many() return unpack({}, 1, 6000) end
function deeds.overflow() local function f(n) return 1 + f(n + 1) end return f(1) end
function deeds.big_string() return #string.rep("x", 64 * 1024 * 1024) end
function deeds.bad_exit() kong.response.exit("200", function() end) end
function deeds.exit() kong.response.exit(418, { a = 1 }) end
function deeds.exit_in_coroutine() coroutine.wrap(function() kong.response.exit(418) end)() end
function deeds.exit_in_thread() ngx.thread.wait(ngx.thread.spawn(function() ngx.exit(418) end)) end
function deeds.raise_in_coroutine() coroutine.wrap(function() error("raised in a coroutine") end)() end
function deeds.raise_in_thread() ngx.thread.spawn(function() error("raised in a thread") end) end
function deeds.endless_threads() for _ = 1, 20 do ngx.thread.spawn(function() while true do ngx.sleep(0.01) end end) end end
function deeds.leak_coroutines()
  for _ = 1, 200 do
    local co = coroutine.create(function() coroutine.yield() end)
    coroutine.resume(co)
    leaked = leaked or {}
    leaked[#leaked + 1] = co
  end
end
function deeds.leak_threads() for _ = 1, 50 do ngx.thread.spawn(function() coroutine.yield() ngx.sleep(0.01) end) end end
function deeds.leak_timers() for _ = 1, 100 do ngx.timer.at(0, function() error("in a timer") end) end end
function deeds.loop() while true do end end
function deeds.loop_with_calls() local n = 0 while true do n = n + #tostring(n) end end
function deeds.loop_in_pcall() while true do pcall(function() while true do end end) end end
function deeds.loop_in_coroutine() local co = coroutine.wrap(function() while true do end end) co() end
function deeds.evil_regex() return ngx.re.match(("a"):rep(40) .. "!", "^(a+)+$") end
function deeds.bad_headers()
  ngx.header["X-Bad\r\nX-Injected: 1"] = "a\r\nb: c"
  ngx.header["Content-Length"] = "-1"
  ngx.header["Transfer-Encoding"] = "chunked, chunked"
  ngx.status = 99999
end
function deeds.bad_body() ngx.arg[1], ngx.arg[2] = {}, "x" end
function deeds.no_ctx() ngx.ctx = nil ngx.ctx = 5 end
function deeds.clear_ctx() ngx.ctx = {} end
function deeds.spoil_ctx() for k in pairs(ngx.ctx) do ngx.ctx[k] = false end end
function deeds.spoil_kong() kong.ctx.plugin = nil kong.ctx.shared = 1 end
function deeds.collect() collectgarbage() collectgarbage("stop") collectgarbage("restart") end
function deeds.abandon() ngx.timer.at(0, function() ngx.req.get_headers() end) end
return deeds
]]

local HANDLER = [[
local deeds = require "kong.plugins.bad.deeds"
local H = { VERSION = "1.0", PRIORITY = 5 }
for _, phase in ipairs { PHASES } do
  H[phase] = function(_, conf)
    if kong.request.get_header("x-phase") == phase then
      return deeds[kong.request.get_header("x-deed")]()
    end
  end
end
return H
]]

local SCHEMA = "return { name = \"%s\", fields = { { config = { type = \"record\", fields = {} } } } }\n"

local folder, gateway


local function write(name, text)
  local path = folder .. "/kong/plugins/" .. name
  assert(posix.mkdirs(path:match("^(.*)/")))
  assert(posix.write_file(path, text))
end


local function worker_pid()
  return gateway:get("/pid").body
end


-- All names of deeds.
local function names()
  local out = {}
  for name in DEEDS:gmatch("function deeds%.([%w_]+)") do
    out[#out + 1] = name
  end
  return out
end


describe("a plugin that misbehaves", function()
  lazy_setup(function()
    folder = os.tmpname()
    os.remove(folder)
    write("bad/deeds.lua", DEEDS)
    write("bad/handler.lua", (HANDLER:gsub("PHASES", "'rewrite', 'access', 'header_filter', 'body_filter', 'log'")))
    write("bad/schema.lua", SCHEMA:format("bad"))
    write("bad-response/handler.lua", (HANDLER:gsub("PHASES", "'response'")))
    write("bad-response/schema.lua", SCHEMA:format("bad-response"))
    write("pid/handler.lua", "return { VERSION = '1', PRIORITY = 9, access = function() kong.response.exit(200, tostring(ngx.worker.pid())) end }")
    write("pid/schema.lua", SCHEMA:format("pid"))
    gateway = test.gateway({
      services = {
        { name = "plain", routes = { { paths = { "/plain" } } } },
        { name = "response", routes = { { paths = { "/response" } } }, plugins = { { name = "bad-response" } } },
      },
      routes = { { paths = { "/pid" }, plugins = { { name = "pid" } } } },
      plugins = { { name = "bad" } },
    }, { paths = { folder }, conf = { plugin_cpu_limit = 60, nginx_http_lua_regex_match_limit = 100000 } })
  end)

  lazy_teardown(function()
    gateway:stop()
    os.execute("rm -rf " .. folder)
  end)

  for _, phase in ipairs(PHASES) do
    it("does not take the worker down in " .. phase, function()
      local pid = worker_pid()
      local path = phase == "response" and "/response" or "/plain"
      for _, name in ipairs(names()) do
        gateway:get(path, { headers = { ["X-Phase"] = phase, ["X-Deed"] = name }, timeout = 0.5 })
        local next_one, err = gateway:get("/plain")
        assert(next_one, name .. ": " .. tostring(err) .. gateway:error_log():sub(-3000))
        assert.equal(200, next_one.status, name)
        assert.equal(pid, worker_pid(), name .. gateway:error_log():sub(-3000))
      end
      assert.is_nil(gateway:error_log():find("signal 11", 1, true))
    end)
  end

  it("is answered with 500 and named in the log when it raises before the answer", function()
    local response = gateway:get("/plain", { headers = { ["X-Phase"] = "access", ["X-Deed"] = "raise" } })
    assert.equal(500, response.status)
    assert.equal("An unexpected error occurred", response:json().message)
    gateway:wait_for_log("plugin 'bad' failed in phase access[^\n]*kong/plugins/bad/deeds.lua:2: raised on purpose")
  end)

  it("is interrupted when it loops, answered with 500, while others are served", function()
    for _, name in ipairs { "loop", "loop_with_calls", "loop_in_pcall", "loop_in_coroutine" } do
      local status
      local thread = ngx.thread.spawn(function()
        local response = assert(gateway:get("/plain", { headers = { ["X-Phase"] = "access", ["X-Deed"] = name }, timeout = 25 }))
        status = response.status
      end)
      assert.equal(200, gateway:get("/plain").status)
      ngx.thread.wait(thread)
      assert.equal(500, status, name)
    end
    gateway:wait_for_log("plugin_cpu_limit", true)
  end)

  it("keeps its memory to itself: a thousand bad requests leave the worker in the size it had", function()
    local function size()
      return tonumber(posix.read_file("/proc/" .. worker_pid() .. "/status"):match("VmRSS:%s*(%d+)"))
    end
    local function run(n)
      for _ = 1, n do
        for _, name in ipairs { "raise", "yield", "leak_threads", "exit_in_thread", "leak_timers" } do
          gateway:get("/plain", { headers = { ["X-Phase"] = "access", ["X-Deed"] = name }, timeout = 1 })
        end
      end
    end
    run(150)
    local before = size()
    run(60)
    local growth = size() - before
    assert.is_true(growth < 8192, "grew by " .. growth .. " KiB")
  end)
end)
