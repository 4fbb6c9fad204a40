local health = require "kong.balancer.health"
local ring = require "kong.balancer.ring"

local id = 0


local function new_ring(fields, targets)
  id = id + 1
  local upstream = { id = "upstream-" .. id, name = "u" .. id, algorithm = "round-robin" }
  for key, value in pairs(fields or {}) do
    upstream[key] = value
  end
  return ring.new(upstream, targets or { { target = "10.0.0.1:80", weight = 100 }, { target = "10.0.0.2:81", weight = 50 } })
end


describe("ring", function()
  it("resolves targets that are addresses at once", function()
    local it_is = new_ring()
    assert.is_true(it_is.is_resolved)
    assert.equal(2, #it_is.addresses)
    assert.equal(150, it_is.total_weight)
    assert.is_true(it_is.is_up)
  end)

  it("gives a target without a port the default port", function()
    assert.equal(8000, new_ring(nil, { { target = "10.0.0.9", weight = 1 } }).addresses[1].port)
  end)

  it("reads IPv6 targets", function()
    local address = new_ring(nil, { { target = "[::1]:81", weight = 1 } }).addresses[1]
    assert.equal("[::1]", address.ip)
    assert.equal(81, address.port)
  end)

  it("is down without targets and with weights of zero only", function()
    assert.is_nil(new_ring(nil, {}):pick({}))
    assert.is_nil(new_ring(nil, { { target = "10.0.0.1:80", weight = 0 } }):pick({}))
  end)

  it("is down when too little weight is available", function()
    local it_is = new_ring({ healthchecks = { threshold = 60, passive = { unhealthy = { http_failures = 1 } } } },
                           { { target = "10.0.0.1:1", weight = 100 }, { target = "10.0.0.1:2", weight = 100 } })
    health.set(it_is, it_is.addresses[1], false)
    assert.is_nil(it_is:pick({}))
    health.set(it_is, it_is.addresses[1], true)
    assert.is_truthy(it_is:pick({}))
  end)
end)


describe("health", function()
  local function checked(passive)
    return new_ring({ healthchecks = { passive = passive } })
  end

  it("is off unless a limit or an interval is set", function()
    assert.is_false(new_ring().checks.is_on)
    assert.is_true(checked({ unhealthy = { timeouts = 1 } }).checks.is_on)
  end)

  it("ejects after as many failures as the limit says", function()
    local it_is = checked({ unhealthy = { http_failures = 2, http_statuses = { 500 } } })
    local address, rules = it_is.addresses[1], it_is.checks.passive
    health.report_status(it_is, address, 500, rules)
    assert.is_true(address.is_healthy)
    health.report_status(it_is, address, 500, rules)
    assert.is_false(address.is_healthy)
    assert.is_false(address.is_available)
    assert.equal(50, it_is.available_weight)
  end)

  it("forgets failures after a success when successes count", function()
    local it_is = checked({ unhealthy = { http_failures = 2, http_statuses = { 500 } },
                            healthy = { successes = 1, http_statuses = { 200 } } })
    local address, rules = it_is.addresses[1], it_is.checks.passive
    for _ = 1, 4 do
      health.report_status(it_is, address, 500, rules)
      health.report_status(it_is, address, 200, rules)
    end
    assert.is_true(address.is_healthy)
  end)

  it("does not forget failures when successes do not count", function()
    local it_is = checked({ unhealthy = { http_failures = 2, http_statuses = { 500 } } })
    local address, rules = it_is.addresses[1], it_is.checks.passive
    health.report_status(it_is, address, 500, rules)
    health.report_status(it_is, address, 200, rules)
    health.report_status(it_is, address, 500, rules)
    assert.is_false(address.is_healthy)
  end)

  it("counts kinds of failures apart", function()
    local it_is = checked({ unhealthy = { tcp_failures = 2, timeouts = 2 } })
    local address, rules = it_is.addresses[1], it_is.checks.passive
    health.report(it_is, address, "tcp", rules)
    health.report(it_is, address, "timeout", rules)
    assert.is_true(address.is_healthy)
    health.report(it_is, address, "timeout", rules)
    assert.is_false(address.is_healthy)
  end)

  it("recovers by successes", function()
    local it_is = checked({ unhealthy = { tcp_failures = 1 }, healthy = { successes = 2, http_statuses = { 200 } } })
    local address, rules = it_is.addresses[1], it_is.checks.passive
    health.report(it_is, address, "tcp", rules)
    health.report_status(it_is, address, 200, rules)
    assert.is_false(address.is_healthy)
    health.report_status(it_is, address, 200, rules)
    assert.is_true(address.is_healthy)
  end)

  it("ignores tcp probes for proxied http", function()
    local it_is = new_ring({ healthchecks = { active = { type = "tcp", healthy = { interval = 1 } } } })
    assert.is_true(it_is.checks.is_on)
    assert.is_false(it_is.checks.probes)
  end)
end)
