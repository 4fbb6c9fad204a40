local dns = require "kong.dns"


-- Answers by "name:TYPE": an array of records, or a number (the server's code).
local function serve(answers)
  local asked = {}
  package.loaded["ngx.dns"] = {
    query = function(name, rtype)
      local key = name .. ":" .. rtype
      asked[key] = (asked[key] or 0) + 1
      local answer = answers[key]
      if type(answer) == "number" then
        return nil, "failed", answer
      end
      return answer or {}
    end,
  }
  return asked
end


local function a(ip, ttl)
  return { type = dns.TYPE_A, address = ip, ttl = ttl or 60 }
end


describe("kong.dns", function()
  local real

  setup(function()
    real = package.loaded["ngx.dns"]
  end)

  teardown(function()
    package.loaded["ngx.dns"] = real
  end)

  before_each(function()
    dns.init({})
  end)

  it("knows addresses and localhost without asking", function()
    local asked = serve({})
    assert.equal("10.1.2.3", (dns.toip("10.1.2.3", 80)))
    assert.equal("[::1]", (dns.toip("::1", 80)))
    assert.equal("127.0.0.1", (dns.toip("localhost", 80)))
    assert.same({}, asked)
  end)

  it("asks for types in their order and keeps the answer", function()
    local asked = serve({ ["x.test:A"] = { a("10.0.0.1") } })
    assert.equal("10.0.0.1", (dns.toip("x.test", 80)))
    assert.equal("10.0.0.1", (dns.toip("X.test", 80)))
    assert.same({ ["x.test:SRV"] = 1, ["x.test:A"] = 1 }, asked)
  end)

  it("begins with the type that had an answer last time", function()
    local asked = serve({ ["x.test:A"] = { a("10.0.0.1", 0) } })
    dns.toip("x.test", 80)
    dns.toip("x.test", 80)
    assert.equal(1, asked["x.test:SRV"])
  end)

  it("takes turns among addresses", function()
    serve({ ["x.test:A"] = { a("10.0.0.1"), a("10.0.0.2") } })
    local first, second = dns.toip("x.test", 80), dns.toip("x.test", 80)
    assert.not_equal(first, second)
    assert.equal(first, (dns.toip("x.test", 80)))
  end)

  it("follows SRV records of the lowest priority, with their port", function()
    serve({
      ["svc.test:SRV"] = {
        { type = dns.TYPE_SRV, target = "b.test", port = 9000, priority = 2, weight = 1, ttl = 5 },
        { type = dns.TYPE_SRV, target = "a.test", port = 8443, priority = 1, weight = 1, ttl = 5 },
      },
      ["a.test:A"] = { a("10.0.0.9") },
    })
    local ip, port = dns.toip("svc.test", 80)
    assert.equal("10.0.0.9", ip)
    assert.equal(8443, port)
  end)

  it("follows CNAME records", function()
    serve({
      ["c.test:CNAME"] = { { type = dns.TYPE_CNAME, cname = "a.test", ttl = 5 } },
      ["a.test:A"] = { a("10.0.0.9") },
    })
    assert.equal("10.0.0.9", (dns.toip("c.test", 80)))
  end)

  it("remembers for a while that a name does not exist", function()
    local asked = serve({ ["n.test:A"] = 3, ["n.test:SRV"] = 3, ["n.test:CNAME"] = 3 })
    for _ = 1, 3 do
      local ip, err = dns.toip("n.test", 80)
      assert.is_nil(ip)
      assert.equal(dns.NAME_ERROR, err)
    end
    assert.equal(1, asked["n.test:A"])
  end)

  it("keeps an old answer while the servers are in trouble", function()
    local answers = { ["x.test:A"] = { a("10.0.0.1", 0) } }
    local asked = serve(answers)
    assert.equal("10.0.0.1", (dns.toip("x.test", 80)))
    answers["x.test:A"], answers["x.test:SRV"] = 2, 2
    for _ = 1, 5 do
      assert.equal("10.0.0.1", (dns.toip("x.test", 80)))
      ngx.sleep(0)
    end
    assert.is_true(asked["x.test:A"] >= 2)
  end)

  it("gives fresh answers to those who want them", function()
    local answers = { ["x.test:A"] = { a("10.0.0.1", 0) } }
    serve(answers)
    dns.resolve("x.test")
    answers["x.test:A"] = { a("10.0.0.2", 0) }
    assert.equal("10.0.0.2", dns.resolve("x.test", { fresh = true })[1].address)
  end)

  it("takes a new address when the old answer's time is over", function()
    local answers = { ["x.test:A"] = { a("10.0.0.1", 0) } }
    serve(answers)
    assert.equal("10.0.0.1", (dns.toip("x.test", 80)))
    answers["x.test:A"] = { a("10.0.0.2", 60) }
    local ip
    for _ = 1, 100 do
      ip = dns.toip("x.test", 80)
      if ip == "10.0.0.2" then
        break
      end
      ngx.sleep(0.005)
    end
    assert.equal("10.0.0.2", ip)
  end)

  it("tells what it tried", function()
    serve({})
    local _, err, tried = dns.toip("e.test", 80)
    assert.equal(dns.EMPTY_ANSWER, err)
    assert.matches("e.test:A", tostring(tried), 1, true)
  end)

  it("asks nobody when only the cache may answer", function()
    local asked = serve({ ["x.test:A"] = { a("10.0.0.1") } })
    assert.is_nil((dns.toip("x.test", 80, true)))
    assert.same({}, asked)
  end)
end)
