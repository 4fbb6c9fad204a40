-- `kgw plugin new`: writes the skeleton of a plugin that passes its own check and specs.
local node = require "kgw.cli.node"
local posix = require "kgw.posix"

local new = {}

local HANDLER = [[
-- NAME: sets a header on the request and on the response, and refuses requests without a header when told to.
local kong = kong


local Handler = {
  VERSION = "0.1.0",
  PRIORITY = 1000, -- higher runs earlier
}


-- Before the request goes to the service. conf: what schema.lua describes.
function Handler:access(conf)
  if conf.required_header and not kong.request.get_header(conf.required_header) then
    return kong.response.exit(400, { message = "missing header: " .. conf.required_header })
  end
  kong.service.request.set_header(conf.request_header, conf.value)
end


-- Before the response goes to the client. Nothing may wait here.
function Handler:header_filter(conf)
  kong.response.set_header(conf.response_header, conf.value)
end


return Handler
]]

local SCHEMA = [[
local typedefs = require "kong.db.schema.typedefs"


return {
  name = "NAME",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { value = { type = "string", required = true, default = "hello", description = "What the headers say." } },
        { request_header = { type = "string", required = true, default = "X-NAME" } },
        { response_header = { type = "string", required = true, default = "X-NAME" } },
        { required_header = { type = "string", description = "Requests without this header are refused." } },
      },
    } },
  },
}
]]

local SPEC = [[
local test = require "kgw.test"


describe("NAME", function()
  local gateway

  lazy_setup(function()
    gateway = test.gateway {
      services = {
        { name = "plain", routes = { { paths = { "/plain" } } }, plugins = { { name = "NAME", config = { value = "spec" } } } },
        { name = "strict", routes = { { paths = { "/strict" } } },
          plugins = { { name = "NAME", config = { required_header = "X-Tenant" } } } },
      },
    }
  end)

  lazy_teardown(function()
    gateway:stop()
  end)

  it("sets its header on the request and on the response", function()
    local response = gateway:get("/plain/path")
    assert.equal(200, response.status)
    assert.equal("spec", response.headers["X-NAME"])
    assert.equal("spec", gateway.upstream:last().headers["x-LOWER"])
  end)

  it("refuses requests without the required header", function()
    gateway.upstream:clear()
    local response = gateway:get("/strict")
    assert.equal(400, response.status)
    assert.equal("missing header: X-Tenant", response:json().message)
    assert.equal(0, #gateway.upstream:requests())
    assert.equal(200, gateway:get("/strict", { headers = { ["X-Tenant"] = "a" } }).status)
  end)

  it("writes no errors to the log", function()
    assert.is_nil(gateway:error_log():match("%[error%]"))
  end)
end)
]]

local CONFIG = [[
_format_version: "3.0"
services:
- name: example
  url: http://127.0.0.1:9000
  routes:
  - name: example
    paths:
    - /
  plugins:
  - name: NAME
    config:
      value: hello
]]

local README = [[
# NAME

A plugin for kgw and Kong Gateway.

| field of config | meaning | default |
|---|---|---|
| value | what the headers say | hello |
| request_header, response_header | names of the headers | X-NAME |
| required_header | requests without this header get 400 | |

    kgw dev                # a gateway with kong.yml on port 8000; saved files are live at once
    kgw test               # runs spec/
    kgw plugin check       # finds mistakes without running anything
]]


local function files(name)
  local base = "kong/plugins/" .. name
  return {
    { base .. "/handler.lua", HANDLER }, { base .. "/schema.lua", SCHEMA }, { "spec/" .. name:gsub("%-", "_") .. "_spec.lua", SPEC },
    { "kong.yml", CONFIG }, { "README.md", README },
  }
end


--- Writes the plugin into DIR (default ./kong-plugin-NAME). Existing files are kept: the command fails before it writes anything.
function new.run(name, folder)
  if not name or not name:match("^[%w][%w_-]*$") then
    node.fail("kgw plugin new NAME [DIR]: NAME is made of letters, digits, - and _", true)
  end
  folder = folder or "kong-plugin-" .. name
  local list = files(name)
  for _, file in ipairs(list) do
    if posix.exists(folder .. "/" .. file[1]) then
      node.fail(folder .. "/" .. file[1] .. " is there already", true)
    end
  end
  for _, file in ipairs(list) do
    local path = folder .. "/" .. file[1]
    local text = file[2]:gsub("NAME", name):gsub("LOWER", name:lower())
    local ok, err = posix.mkdirs(posix.absolute(path):match("^(.*)/"))
    if ok then
      ok, err = posix.write_file(path, text)
    end
    if not ok then
      node.fail(err, true)
    end
    node.say(path)
  end
  node.say("\ncd " .. folder .. " && kgw test")
  return 0
end


return new
