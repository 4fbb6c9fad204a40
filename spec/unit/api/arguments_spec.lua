local arguments = require "kong.api.arguments"
local router = require "kong.api.router"
local Entity = require "kong.db.schema.entity"
local null = require("kong.db.schema.value").null


describe("arguments", function()
  it("nests names", function()
    assert.same({ config = { limit = "1", list = { "a", "b" } }, hosts = { "x" }, name = null },
                arguments.nest { ["config.limit"] = "1", ["config.list[1]"] = "a", ["config.list[2]"] = "b", ["hosts[]"] = "x", name = "" })
  end)

  it("reads forms as a schema has it", function()
    local services = assert(Entity.new(require "kong.db.schema.entities.services"))
    local args = arguments.decode_body("name=a+b&retries=3&enabled=false&tags[]=x&tags[]=y", "application/x-www-form-urlencoded")
    args = arguments.infer(args, services)
    assert.same({ name = "a b", retries = 3, enabled = false, tags = { "x", "y" } }, args)
  end)

  it("tells what it cannot read", function()
    local _, status, message = arguments.decode_body("{", "application/json")
    assert.same({ 400, "Cannot parse JSON body" }, { status, message })
    _, status = arguments.decode_body("a=b", "text/plain")
    assert.equal(415, status)
    assert.is_nil(arguments.decode_body("", nil))
  end)

  it("reads multipart bodies", function()
    local body = '--x\r\nContent-Disposition: form-data; name="config"\r\n\r\na: 1\r\n--x--\r\n'
    assert.same({ config = "a: 1" }, (arguments.decode_body(body, "multipart/form-data; boundary=x")))
  end)
end)


describe("api router", function()
  local paths = router.new()
  paths:add("/services", { GET = 1 })
  paths:add("/services/:services", { GET = 2 })
  paths:add("/services/enabled", { GET = 3 })
  paths:add("/services/:services/routes/:routes", { GET = 4 })

  it("prefers fixed segments", function()
    assert.equal(3, paths:find({ "services", "enabled" }).methods.GET)
    local leaf, params = paths:find { "services", "a b" }
    assert.equal(2, leaf.methods.GET)
    assert.same({ services = "a b" }, params)
  end)

  it("names parameters", function()
    local leaf, params = paths:find { "services", "enabled", "routes", "r" }
    assert.equal(4, leaf.methods.GET)
    assert.same({ services = "enabled", routes = "r" }, params)
    assert.is_nil(paths:find { "services", "a", "nope" })
  end)

  it("lists itself", function()
    assert.same({ "/services", "/services/enabled", "/services/{services}", "/services/{services}/routes/{routes}" }, paths:endpoints())
  end)
end)
