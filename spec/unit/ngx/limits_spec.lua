-- resty.limit.*, resty.shell, resty.signal.
describe("resty.limit", function()
  local dict = "spec"

  before_each(function()
    ngx.shared[dict]:flush_all()
  end)

  it("counts per window", function()
    local limiter = require("resty.limit.count").new(dict, 2, 10)
    assert.same({ 0, 1 }, { limiter:incoming("k", true) })
    assert.same({ 0, 0 }, { limiter:incoming("k", true) })
    assert.same({ nil, "rejected" }, { limiter:incoming("k", true) })
  end)

  it("delays and rejects above a rate", function()
    local limiter = require("resty.limit.req").new(dict, 1, 1)
    assert.equal(0, (limiter:incoming("k", true)))
    assert.is_true(limiter:incoming("k", true) > 0)
    assert.same({ nil, "rejected" }, { limiter:incoming("k", true) })
  end)

  it("counts what goes on at the same time", function()
    local limiter = require("resty.limit.conn").new(dict, 1, 1, 0.5)
    assert.same({ 0, 1 }, { limiter:incoming("k", true) })
    assert.same({ 0.5, 2 }, { limiter:incoming("k", true) })
    assert.same({ nil, "rejected" }, { limiter:incoming("k", true) })
    assert.equal(1, limiter:leaving("k"))
  end)

  it("knows what it cannot use", function()
    assert.same({ nil, "shared dict not found" }, { require("resty.limit.req").new("nope", 1, 1) })
  end)
end)


describe("resty.shell", function()
  local shell = require "resty.shell"

  it("gives both outputs and the status", function()
    assert.same({ nil, "in", "e\n", "exit", 2 }, { shell.run("cat; echo e >&2; exit 2", "in", 2000) })
    assert.same({ true, "x\n", "", "exit", 0 }, { shell.run { "echo", "x" } })
  end)

  it("gives up after the timeout", function()
    assert.equal("timeout", (select(4, shell.run({ "sleep", "60" }, nil, 20))))
  end)

  it("quotes arguments", function()
    assert.equal([['a b' 'c'\''d']], shell.quote { "a b", "c'd" })
  end)
end)
