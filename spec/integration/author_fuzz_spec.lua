-- The C boundary under arguments nobody expects (spec/fuzz/ffi.lua), with the sanitizers' build when it is there. Another
-- KGW_FUZZ_SEED gives other arguments, KGW_FUZZ_REQUESTS more of them.
local kgw = require "spec.support.kgw"
local posix = require "kgw.posix"
local test = require "kgw.test"

local HANDLER = [[
local fuzz = require "spec.fuzz.ffi"
fuzz.anywhere(200)
local H = { VERSION = "1.0", PRIORITY = 5 }
for _, phase in ipairs { PHASES } do
  H[phase] = function()
    local seed = tonumber(kong.request.get_header("x-seed"))
    if not seed then
      return
    end
    math.randomseed(seed)
    fuzz.request(30)
    fuzz.anywhere(10)
    if (phase == "access" or phase == "rewrite") and seed % 4 == 0 then
      fuzz.waiting(4, 1, TLS_PORT)
    end
  end
end
local seed = 0
function H.certificate()
  seed = seed + 1
  math.randomseed(seed)
  fuzz.certificate(5)
  fuzz.anywhere(5)
end
return H
]]

-- Tells what was called in this worker.
local TELLER = [[
return { VERSION = "1.0", PRIORITY = 4, access = function()
  local names = {}
  for name in pairs(require("spec.fuzz.ffi").called) do
    names[#names + 1] = name
  end
  return kong.response.exit(200, table.concat(names, " "))
end }
]]

local SCHEMA = "return { name = \"%s\", fields = { { config = { type = \"record\", fields = {} } } } }\n"

-- Entries of runtime/ffi/api.h that are not called here, each with its reason. There is none.
local LEFT_OUT = {}

local program = posix.exists("build-dev/kgw") and posix.absolute("build-dev/kgw") or kgw.program
local first = tonumber(os.getenv("KGW_FUZZ_SEED")) or 1
local request_cnt = tonumber(os.getenv("KGW_FUZZ_REQUESTS")) or 150
local environment = { ASAN_OPTIONS = "detect_leaks=0", UBSAN_OPTIONS = "halt_on_error=1:print_stacktrace=1" }
local called = {}


local function note_called(names)
  for name in names:gmatch("[%w_]+") do
    called[name] = true
  end
end


-- A gateway with the plugins and a listener for TLS.
local function start_gateway()
  kgw.program = program
  local tls_port = kgw.free_port()
  local node = kgw.new({ plugins = "bundled,fuzz,fuzz-response,teller", log_level = "crit" }, ([[
_format_version: "3.0"
services:
- {name: a, url: "URL", routes: [{name: a, paths: [/a]}]}
- {name: b, url: "URL", routes: [{name: b, paths: [/b], plugins: [{name: fuzz-response}]}]}
routes:
- {name: t, paths: [/called], plugins: [{name: teller}]}
plugins:
- {name: fuzz}
]]):gsub("URL", test.upstream().url))
  local function write(name, handler)
    node:write("kong/plugins/" .. name .. "/handler.lua", handler)
    node:write("kong/plugins/" .. name .. "/schema.lua", SCHEMA:format(name))
  end
  local handler = HANDLER:gsub("TLS_PORT", tostring(tls_port))
  write("fuzz", (handler:gsub("PHASES", "'rewrite', 'access', 'header_filter', 'body_filter', 'log'")))
  write("fuzz-response", (handler:gsub("PHASES", "'access', 'response'")))
  write("teller", TELLER)
  node:write_conf {
    proxy_listen = "127.0.0.1:" .. node.proxy .. ", 127.0.0.1:" .. tls_port .. " ssl",
    lua_package_path = node.folder .. "/?.lua;" .. posix.absolute(".") .. "/?.lua",
  }
  node.tls_port = tls_port
  return node:start()
end


local function request(node, seed)
  local client = require("resty.http").new()
  client:set_timeout(300)
  client:request_uri("http://127.0.0.1:" .. node.proxy .. (seed % 2 == 0 and "/a" or "/b") .. "?x=1&y=%20", {
    method = seed % 3 == 0 and "POST" or "GET", headers = { ["X-Seed"] = tostring(seed) }, keepalive = false,
    body = seed % 3 == 0 and ("b"):rep(seed * 100 % 100000) or nil,
  })
end


-- A handshake that may be left in the middle, while the plugin's light threads still run.
local function handshake(node, seed)
  local sock = ngx.socket.tcp()
  sock:settimeout(seed % 3 == 0 and 5 or 300)
  if sock:connect("127.0.0.1", node.tls_port) and sock:sslhandshake(nil, seed % 2 == 0 and "fuzz" or nil, false) then
    sock:send("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Seed: " .. seed .. "\r\n\r\n")
    sock:receive("*a")
  end
  sock:close()
end


describe("the C boundary", function()
  lazy_setup(function()
    for name, value in pairs(environment) do
      posix.setenv(name, value)
    end
  end)

  after_each(kgw.stop_all)

  it("withstands arguments nobody expects outside of requests, in init and while it waits", function()
    for seed = first, first + 3 do
      local pipe = io.popen("timeout 120 " .. program .. " run spec/fuzz/run.lua " .. seed .. " 1500 2>&1")
      local out = pipe:read("*a")
      pipe:close()
      local names = out:match("calls of %d+ functions\ncalled: (%C*)")
      assert(names, "seed " .. seed .. "\n" .. out:sub(-4000))
      note_called(names)
    end
  end)

  it("withstands them in every phase of a request and of a handshake", function()
    local node = start_gateway()
    for seed = first, first + request_cnt - 1 do
      request(node, seed)
      handshake(node, seed)
      local log = node:error_log()
      local at = log:find("Sanitizer", 1, true) or log:find("[%w_/]+%.[ch]:%d+:%d+: runtime error: ") or log:find("exited on signal", 1, true)
      assert(not at, "seed " .. seed .. "\n" .. log:sub(math.max(1, (at or 1) - 1000), (at or 1) + 5000))
    end
    local status, names = node:get("/called")
    assert.are.equal(200, status)
    note_called(names)
  end)

  it("is called in every function of api.h", function()
    local missing = {}
    for name in posix.read_file("runtime/ffi/api.h"):gmatch("kgw_ffi_([%w_]+)%(") do
      if not called[name] and not LEFT_OUT[name] then
        missing[#missing + 1] = name
      end
    end
    assert.are.same({}, missing)
  end)
end)
