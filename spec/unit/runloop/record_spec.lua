local record = require "kong.runloop.record"


local function new(route, service, opts)
  route.id = route.id or "r"
  opts = opts or {}
  opts.plugins = { plan = function() return { all = {} } end }
  opts.find_upstream = opts.find_upstream or function() end
  opts.has_pool = opts.has_pool ~= false
  return record.new(route, service, opts)
end


local function service(fields)
  local out = { id = "s", protocol = "http", host = "10.0.0.1", port = 80 }
  for key, value in pairs(fields or {}) do
    out[key] = value
  end
  return out
end


describe("record of a route", function()
  it("names the port in Host only where it is not the scheme's", function()
    assert.equal("a.test", record.host_header("a.test", 80, "http"))
    assert.equal("a.test:443", record.host_header("a.test", 443, "http"))
    assert.equal("a.test", record.host_header("a.test", 443, "https"))
    assert.equal("a.test:8080", record.host_header("a.test", 8080, "grpc"))
  end)

  it("is direct when the host is an address and no upstream's name", function()
    assert.is_true(new({}, service()).is_direct)
    assert.is_false(new({}, service({ host = "name.test" })).is_direct)
    assert.is_false(new({}, service(), { find_upstream = function() return {} end }).is_direct)
  end)

  it("keeps connections by address unless pools are off", function()
    assert.equal("10.0.0.1|80", new({}, service()).fields.pool)
    assert.is_nil(new({}, service(), { has_pool = false }).fields.pool)
  end)

  it("leaves the Host to the client with preserve_host", function()
    assert.is_nil(new({ preserve_host = true }, service()).fields.host)
    assert.equal("10.0.0.1", new({}, service()).fields.host)
  end)

  it("asks for TLS on routes for https alone", function()
    assert.equal(426, new({ protocols = { "https" } }, service()).https_status)
    assert.equal(301, new({ protocols = { "https" }, https_redirect_status_code = 301 }, service()).https_status)
    assert.is_false(new({ protocols = { "http", "https" } }, service()).https_status)
  end)

  it("handles paths as v1 in the flavour traditional only", function()
    assert.equal("v0", new({ path_handling = "v1" }, service()).version)
    assert.equal("v1", new({ path_handling = "v1" }, service(), { flavor = "traditional" }).version)
  end)

  it("stands for a route without service too", function()
    local it_is = new({})
    assert.is_false(it_is.service)
    assert.is_false(it_is.is_direct)
  end)
end)
