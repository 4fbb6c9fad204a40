local consistent_hashing = require "kong.balancer.consistent_hashing"
local latency = require "kong.balancer.latency"
local least_connections = require "kong.balancer.least_connections"
local round_robin = require "kong.balancer.round_robin"
local xxh32 = require "kong.balancer.xxh32"


local function address(port, weight, fields)
  local out = { ip = "10.0.0.1", port = port, weight = weight, key = "10.0.0.1:" .. port, hostname = "10.0.0.1",
                target_port = port, active = 0, is_available = weight > 0 }
  for key, value in pairs(fields or {}) do
    out[key] = value
  end
  return out
end


local function count(algorithm, picks, try_of)
  local out = {}
  for i = 1, picks do
    local picked = algorithm:pick(try_of and try_of(i) or {})
    out[picked.port] = (out[picked.port] or 0) + 1
  end
  return out
end


describe("xxh32", function()
  it("gives the published values", function()
    assert.equal(0x02CC5D05, xxh32(""))
    assert.equal(0x550D7456, xxh32("a"))
    assert.equal(0x32D153FF, xxh32("abc"))
  end)
end)


describe("round robin", function()
  it("gives every address its share of each round", function()
    local algorithm = round_robin.new()
    algorithm:build({ address(1, 300), address(2, 200), address(3, 100) })
    assert.same({ 30, 20, 10 }, count(algorithm, 60))
  end)

  it("skips addresses that are not available", function()
    local algorithm = round_robin.new()
    local sick = address(2, 10, { is_available = false })
    algorithm:build({ address(1, 10), sick })
    assert.same({ 8 }, count(algorithm, 8))
    sick.is_available = true
    assert.same({ 4, 4 }, count(algorithm, 8))
  end)

  it("finds nobody on an empty wheel", function()
    local algorithm = round_robin.new()
    algorithm:build({ address(1, 0) })
    assert.is_nil(algorithm:pick({}))
  end)

  it("keeps the wheel small for large weights", function()
    local algorithm = round_robin.new()
    local list = {}
    for i = 1, 100 do
      list[i] = address(i, 65535 - i % 2)
    end
    algorithm:build(list)
    assert.is_true(algorithm.places <= 200100)
  end)
end)


describe("consistent hashing", function()
  local function build(addresses)
    local total = 0
    for _, item in ipairs(addresses) do
      total = total + item.weight
    end
    local algorithm = consistent_hashing.new({ upstream = { slots = 10000 }, target_cnt = #addresses })
    algorithm:build(addresses, total)
    return algorithm
  end

  it("gives one value always the same address", function()
    local algorithm = build({ address(1, 100), address(2, 100), address(3, 100) })
    local first = algorithm:pick({ hash_value = "user" })
    for _ = 1, 20 do
      assert.equal(first, algorithm:pick({ hash_value = "user" }))
    end
  end)

  it("does not depend on the order of the targets", function()
    local a, b, c = address(1, 100), address(2, 50), address(3, 100)
    local one, other = build({ a, b, c }), build({ c, b, a })
    for i = 1, 100 do
      assert.equal(one:pick({ hash_value = "v" .. i }).port, other:pick({ hash_value = "v" .. i }).port)
    end
  end)

  it("moves only the values of an address that goes away", function()
    local list = { address(1, 100), address(2, 100), address(3, 100) }
    local algorithm = build(list)
    local before = {}
    for i = 1, 200 do
      before[i] = algorithm:pick({ hash_value = "v" .. i })
    end
    list[2].is_available = false
    for i = 1, 200 do
      local now = algorithm:pick({ hash_value = "v" .. i })
      assert.not_equal(list[2], now)
      if before[i] ~= list[2] then
        assert.equal(before[i], now)
      end
    end
  end)

  it("spreads values by weight", function()
    local algorithm = build({ address(1, 300), address(2, 100) })
    local hits = count(algorithm, 2000, function(i)
      return { hash_value = "value-" .. i }
    end)
    assert.is_true(hits[1] > 1200 and hits[1] < 1800)
  end)
end)


describe("least connections", function()
  it("follows active requests in relation to weight", function()
    local algorithm = least_connections.new()
    algorithm:build({ address(1, 200), address(2, 100) })
    local hits = {}
    for _ = 1, 6 do
      local picked = algorithm:pick({})
      algorithm:begin(picked)
      hits[picked.port] = (hits[picked.port] or 0) + 1
    end
    assert.same({ 4, 2 }, hits)
  end)

  it("avoids what failed until all have failed", function()
    local algorithm = least_connections.new()
    local a, b = address(1, 100), address(2, 100)
    algorithm:build({ a, b })
    assert.equal(b, algorithm:pick({ failed = { [a] = true } }))
    assert.is_truthy(algorithm:pick({ failed = { [a] = true, [b] = true } }))
  end)
end)


describe("latency", function()
  it("prefers the faster address", function()
    local algorithm = latency.new()
    local slow, fast = address(1, 100), address(2, 100)
    algorithm:build({ slow, fast })
    slow.measured_at, fast.measured_at = 0, 0
    algorithm:finish(slow, 2)
    algorithm:finish(fast, 0.1)
    assert.equal(fast, algorithm:pick({}))
  end)

  it("has nobody left when all have failed", function()
    local algorithm = latency.new()
    local a = address(1, 100)
    algorithm:build({ a })
    assert.is_nil(algorithm:pick({ failed = { [a] = true } }))
  end)
end)
