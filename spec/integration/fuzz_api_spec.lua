local kgw = require "spec.support.kgw"


-- Calls every function of ngx, kong and the modules below with arguments nobody expects, in every phase. Random, but the
-- same for the same seed: a failure names the request that repeats it.
local HANDLER = [[
local ffi = require "ffi"
local Fuzz = { PRIORITY = 10, VERSION = "1.0" }

-- What would end the test rather than a request: waiting for ever, writing files, changing the configuration.
local SKIPPED = {
  ["ngx.sleep"] = true, ["ngx.thread.wait"] = true, ["ngx.eof"] = true, ["ngx.run_worker_thread"] = true,
  ["kong.db"] = true, ["kong.timer"] = true, ["kong.worker_events"] = true, ["kong.configuration"] = true,
  ["kong.log.inspect"] = true, ["ngx.semaphore"] = true, ["kong.clustering"] = true, ["ngx.socket"] = true,
}
local MODULES = { "ngx.re", "ngx.ssl", "ngx.base64", "ngx.errlog", "ngx.resp", "ngx.req", "ngx.balancer",
                  "resty.string", "resty.sha256", "resty.md5", "resty.random", "resty.aes", "kong.tools.string",
                  "kong.tools.uri", "kong.tools.http", "kong.tools.ip", "kong.tools.table", "kong.tools.gzip", "cjson",
                  "cjson.safe", "resty.openssl.rand" }

local function collect(out, prefix, t, seen, depth)
  if seen[t] or depth > 4 then
    return
  end
  seen[t] = true
  local names = {}
  for name in pairs(t) do
    if type(name) == "string" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local path, value = prefix .. "." .. name, rawget(t, name)
    if not SKIPPED[path] and name:sub(1, 1) ~= "_" then
      if type(value) == "function" then
        out[#out + 1] = { path, value, t }
      elseif type(value) == "table" then
        collect(out, path, value, seen, depth + 1)
      end
    end
  end
end

local functions
local function all()
  if functions then
    return functions
  end
  functions = {}
  local seen = {}
  collect(functions, "ngx", ngx, seen, 0)
  for _, name in ipairs { "cluster", "nginx", "node", "telemetry", "tracing", "vault" } do
    local _ = kong[name]
  end
  collect(functions, "kong", kong, seen, 0)
  for _, name in ipairs(MODULES) do
    local ok, module = pcall(require, name)
    if ok and type(module) == "table" then
      collect(functions, name, module, seen, 2)
    end
  end
  for _, name in ipairs { "get", "set", "add", "incr", "delete", "ttl", "expire", "lpush", "rpop", "get_keys", "llen" } do
    functions[#functions + 1] = { "dict." .. name, ngx.shared.kong_locks[name], ngx.shared.kong_locks, true }
  end
  return functions
end

local cycle = {}
cycle[1] = cycle
local POOL = {
  function() return nil end, true, false, 0, -1, 1, 1.5, 255, 2 ^ 31, -2 ^ 31, 2 ^ 53, 1 / 0, -1 / 0, 0 / 0, "", "a", "-1",
  ("x"):rep(70000), "\0\r\n\255", "a/../../b%zz", "(a+)+$", "Content-Length", "jo", "aes-256-gcm", {}, { 1, 2, 3 },
  { a = 1, b = { c = {} } }, cycle, setmetatable({}, { __index = error, __tostring = error }), print,
  coroutine.create(print), ngx.null, ffi.new("char[16]"), ffi.new("int64_t", -5), io.stdout,
}

local state = 1
local function random(n)
  state = (state * 48271) % 2147483647
  return state % n + 1
end

local function argument()
  local i = random(#POOL + 1)
  if i == 1 then
    return nil
  end
  return POOL[i - 1]
end

local function fuzz(phase)
  if kong.request.get_header("x-phase") ~= phase then
    return
  end
  state = tonumber(kong.request.get_header("x-seed"))
  local list = all()
  for _ = 1, 150 do
    local item = list[random(#list)]
    local a, b, c, d, e = argument(), argument(), argument(), argument(), argument()
    if item[4] or random(4) == 1 then
      a = item[3]
    end
    pcall(item[2], a, b, c, d, e)
  end
end

for _, phase in ipairs { "rewrite", "access", "header_filter", "body_filter", "log" } do
  Fuzz[phase] = function()
    fuzz(phase)
  end
end

return Fuzz
]]
local SCHEMA = [[return { name = "fuzz", fields = { { config = { type = "record", fields = {} } } } }]]
local YML = [[
_format_version: "3.0"
plugins:
- name: fuzz
routes:
- name: r
  paths: [/]
  plugins:
  - name: request-termination
    config: {status_code: 200, body: fine}
]]
local ROUNDS = tonumber(os.getenv("KGW_FUZZ_ROUNDS")) or 10


describe("the API", function()
  after_each(kgw.stop_all)

  it("survives arguments nobody expects", function()
    local node = kgw.new({ plugins = "bundled,fuzz", plugin_cpu_limit = 500, log_level = "crit" }, YML)
    node:write("lua/kong/plugins/fuzz/handler.lua", HANDLER)
    node:write("lua/kong/plugins/fuzz/schema.lua", SCHEMA)
    node:write_conf { lua_package_path = node.folder .. "/lua/?.lua" }
    node:start()
    local worker = node:workers()[1]
    for seed = 1, ROUNDS do
      for _, phase in ipairs { "rewrite", "access", "header_filter", "body_filter", "log" } do
        node:get("/", { ["X-Phase"] = phase, ["X-Seed"] = seed * 7919 })
        local status = node:get("/")
        local where = "in " .. phase .. " with seed " .. seed * 7919
        assert.are.equal(worker, node:workers()[1], "the worker ended " .. where)
        assert.is_number(status, "no answer " .. where)
      end
    end
  end)
end)
