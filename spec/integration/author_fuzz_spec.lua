-- The C boundary under arguments nobody expects (spec/fuzz/ffi.lua), with the sanitizers' build when it is there. Another
-- KGW_FUZZ_SEED gives other arguments.
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
      fuzz.waiting(2, 1)
    end
  end
end
return H
]]

local SCHEMA = "return { name = \"%s\", fields = { { config = { type = \"record\", fields = {} } } } }\n"

local program = posix.exists("build-dev/kgw") and posix.absolute("build-dev/kgw") or kgw.program
local first = tonumber(os.getenv("KGW_FUZZ_SEED")) or 1
local environment = { ASAN_OPTIONS = "detect_leaks=0", UBSAN_OPTIONS = "halt_on_error=1:print_stacktrace=1" }


describe("the C boundary", function()
  it("withstands arguments nobody expects outside of requests, in init and while it waits", function()
    for seed = first, first + 3 do
      local words = { "timeout 120" }
      for name, value in pairs(environment) do
        table.insert(words, 1, name .. "=" .. value)
      end
      local pipe = io.popen(table.concat(words, " ") .. " " .. program .. " run spec/fuzz/run.lua " .. seed .. " 1500 2>&1")
      local out = pipe:read("*a")
      pipe:close()
      assert(out:find("calls of %d+ functions"), "seed " .. seed .. "\n" .. out:sub(-4000))
    end
  end)

  it("withstands them in every phase of a request", function()
    local folder = os.tmpname()
    os.remove(folder)
    local function write(name, phases)
      local path = folder .. "/kong/plugins/" .. name
      assert(posix.mkdirs(path))
      assert(posix.write_file(path .. "/handler.lua", (HANDLER:gsub("PHASES", phases))))
      assert(posix.write_file(path .. "/schema.lua", SCHEMA:format(name)))
    end
    write("fuzz", "'rewrite', 'access', 'header_filter', 'body_filter', 'log'")
    write("fuzz-response", "'access', 'response'")
    for name, value in pairs(environment) do
      posix.setenv(name, value)
    end
    local gateway = test.gateway({
      services = { { name = "a", routes = { { paths = { "/a" } } } },
                   { name = "b", routes = { { paths = { "/b" } } }, plugins = { { name = "fuzz-response" } } } },
      plugins = { { name = "fuzz" } },
    }, { paths = { folder, "." }, program = program, conf = { log_level = "crit" } })
    for seed = first, first + 149 do
      gateway:request(seed % 3 == 0 and "POST" or "GET", (seed % 2 == 0 and "/a" or "/b") .. "?x=1&y=%20",
                      { headers = { ["X-Seed"] = tostring(seed) }, timeout = 0.3, body = seed % 3 == 0 and ("b"):rep(seed * 100) or nil })
      local log = gateway:error_log() .. (posix.read_file(gateway.folder .. "/start.log") or "")
      local at = log:find("Sanitizer", 1, true) or log:find("runtime error: ", 1, true) and log:find("dict.c", 1, true)
                 or log:find("exited on signal", 1, true)
      assert(not at, "seed " .. seed .. "\n" .. log:sub(math.max(1, (at or 1) - 1000), (at or 1) + 5000))
    end
    gateway:stop()
    os.execute("rm -rf " .. folder)
  end)
end)
