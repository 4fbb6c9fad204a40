local cjson = require "cjson"
local posix = require "kgw.posix"
local test = require "kgw.test"

local HANDLER = [[
return { VERSION = "1", PRIORITY = 2000,
  access = function() ngx.sleep(0.02) end, header_filter = function() end, log = function() end }
]]


describe("the times of plugins", function()
  local folder, gateway, log

  lazy_setup(function()
    folder = os.tmpname()
    os.remove(folder)
    local path = folder .. "/kong/plugins/slow"
    assert(posix.mkdirs(path))
    assert(posix.write_file(path .. "/handler.lua", HANDLER))
    assert(posix.write_file(path .. "/schema.lua", "return { name = 'slow', fields = { { config = { type = 'record', fields = {} } } } }\n"))
    log = folder .. "/log"
    gateway = test.gateway({
      services = { { name = "s", routes = { { paths = { "/" } } },
                     plugins = { { name = "slow" }, { name = "cors" }, { name = "file-log", config = { path = log } } } } },
    }, { paths = { folder }, conf = { allow_debug_header = "on" } })
  end)

  lazy_teardown(function()
    gateway:stop()
    os.execute("rm -rf " .. folder)
  end)

  -- The next line of the log, decoded.
  local function logged(n)
    return cjson.decode(test.wait_for("line " .. n, function()
      local lines = {}
      for line in (posix.read_file(log) or ""):gmatch("([^\n]+)\n") do
        lines[#lines + 1] = line
      end
      return lines[n]
    end))
  end

  it("are in a header and in what log plugins write, for a request that asks for them", function()
    local response = gateway:get("/", { headers = { ["Kong-Debug"] = "timing" } })
    local header = response.headers["Kong-Plugin-Timing"]
    local ms = tonumber(header:match("slow;access=([%d.]+)"))
    assert.is_true(ms >= 19 and ms < 1000, header)
    assert.matches("slow;header_filter=", header, 1, true)
    assert.matches("cors;", header, 1, true)
    local times = logged(1).plugin_timing
    assert.is_true(times.slow.access >= 19)
    assert.is_number(times.slow.log)
  end)

  it("are not there otherwise", function()
    local response = gateway:get("/")
    assert.is_nil(response.headers["Kong-Plugin-Timing"])
    assert.is_nil(logged(2).plugin_timing)
  end)
end)
