local kgw = require "spec.support.kgw"
local posix = require "kgw.posix"
local test = require "kgw.test"


describe("kgw.test", function()
  local gateway

  lazy_setup(function()
    gateway = test.gateway {
      services = { { name = "s", routes = { { paths = { "/" } } },
                     plugins = { { name = "request-transformer", config = { add = { headers = { "x-added:yes" } } } } } } },
    }
  end)

  lazy_teardown(function()
    gateway:stop()
  end)

  before_each(function()
    gateway.upstream:clear()
  end)

  it("sends requests and shows what the upstream got", function()
    local response = gateway:post("/a%20b", { query = { q = "1 2" }, headers = { ["X-Sent"] = "v" }, json = { k = { 1 } } })
    assert.equal(200, response.status)
    assert.matches("application/json", response.headers["CONTENT-TYPE"], 1, true)
    local got = gateway.upstream:last()
    assert.equal("POST", got.method)
    assert.equal("/a%20b", got.path)
    assert.same({ q = "1 2" }, got.query)
    assert.equal("v", got.headers["X-SENT"])
    assert.equal("yes", got.headers["x-added"])
    assert.equal("{\"k\":[1]}", got.body)
    assert.same(got.body, response:json().body)
    gateway:get("/b")
    assert.equal(2, #gateway.upstream:requests())
    gateway.upstream:clear()
    assert.equal(0, #gateway.upstream:requests())
    assert.is_nil(gateway.upstream:last())
  end)

  it("makes the upstream answer as ordered", function()
    gateway.upstream:respond { path = "/x", status = 404, body = "none", headers = { ["X-H"] = "1" } }
    gateway.upstream:respond { method = "PUT", status = 201, body = { done = true }, times = 1 }
    local response = gateway:get("/x")
    assert.equal(404, response.status)
    assert.equal("none", response.body)
    assert.equal("1", response.headers["x-h"])
    assert.is_true(gateway:put("/y", { body = "" }):json().done)
    assert.equal(200, gateway:put("/y", { body = "" }).status)
    gateway.upstream:respond { path = "/slow", delay = 0.05, body = "late" }
    ngx.update_time()
    local since = ngx.now()
    assert.equal("late", gateway:get("/slow").body)
    ngx.update_time()
    assert.is_true(ngx.now() - since >= 0.045)
  end)

  it("says why a gateway does not start", function()
    local ok, err = pcall(test.gateway, { services = { { name = "s", plugins = { { name = "key-auth", config = { no_such = 1 } } } } } })
    assert.is_false(ok)
    assert.matches("no_such", tostring(err), 1, true)
    ok, err = pcall(test.gateway, {}, { plugins = { "does-not-exist" } })
    assert.is_false(ok)
    assert.matches("does-not-exist plugin is enabled but not installed", tostring(err), 1, true)
  end)

  it("stops its gateways when the run is over or cut off", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(posix.mkdirs(folder))
    assert(posix.write_file(folder .. "/a_spec.lua", [[
      local test = require "kgw.test"
      it("starts", function()
        local gateway = test.gateway({}, { paths = {} })
        local file = io.open("port", "w")
        file:write(gateway.port, " ", test.upstream().port)
        file:close()
        if os.getenv("HANG") then ngx.sleep(60) end
      end)]]))
    local function ports_are_closed()
      local a, b = posix.read_file(folder .. "/port"):match("(%d+) (%d+)")
      test.wait_for("the end of both", function()
        return not kgw.new_client(a):get("/") and not kgw.new_client(b):get("/")
      end)
      os.remove(folder .. "/port")
    end
    local done = os.execute("cd " .. folder .. " && " .. kgw.program .. " test a_spec.lua > out 2>&1")
    assert.is_true(done == true or done == 0, posix.read_file(folder .. "/out"))
    ports_are_closed()
    local process = assert(require("ngx.pipe").spawn("cd " .. folder .. " && HANG=1 exec " .. kgw.program .. " test a_spec.lua > out 2>&1"))
    test.wait_for("both", function()
      return (posix.read_file(folder .. "/port") or ""):match("%d+ %d+")
    end)
    process:kill(9)
    process:wait()
    ports_are_closed()
    os.execute("rm -rf " .. folder)
  end)
end)
