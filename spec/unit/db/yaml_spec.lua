local yaml = require "kong.db.declarative.yaml"
local null = require("kong.db.schema.value").null


describe("yaml", function()
  it("reads scalars as YAML 1.1 does", function()
    local v = assert(yaml.load("{a: 1, b: 1.5, c: yes, d: 'yes', e: ~, f: 0x1f, g: 010, h: x y, i: , j: 1:30, k: -7, l: 1e3}"))
    assert.same({ a = 1, b = 1.5, c = true, d = "yes", e = null, f = 31, g = 8, h = "x y", i = null, j = 90, k = -7, l = 1000 }, v)
  end)

  it("keeps quoted numbers and block texts", function()
    local v = assert(yaml.load('a: "3.0"\nb: |\n  x\n  y\nc: >-\n  p\n  q\n'))
    assert.same({ a = "3.0", b = "x\ny\n", c = "p q" }, v)
  end)

  it("copies what aliases name", function()
    local v = assert(yaml.load("a: &x {l: [1]}\nb: *x\nc:\n  <<: *x\n  m: 2\n"))
    assert.same({ 1 }, v.b.l)
    assert.not_equal(v.a, v.b)
    assert.not_equal(v.a.l, v.c.l)
    assert.equal(2, v.c.m)
  end)

  it("lets own keys win over merged ones, from one or more maps", function()
    local v = assert(yaml.load("a: &x {p: 1, q: 1}\nb: &y {q: 2, r: 2}\nc:\n  q: 0\n  <<: [*x, *y]\n"))
    assert.same({ p = 1, q = 0, r = 2 }, v.c)
  end)

  it("tells where a text is broken", function()
    for text, expected in pairs {
      ["a: ["] = "1:4: did not find expected node content",
      ["a: b: c"] = "1:4: mapping values are not allowed in this context",
      ["x: *nope"] = "1:4: invalid reference: nope",
      ["- <<: 5\n  a: 1"] = "1:7: invalid '<<' merge event: 5",
    } do
      local v, err = yaml.load(text)
      assert.is_nil(v)
      assert.equal(expected, err)
    end
  end)

  it("does not let a few lines of aliases fill the memory", function()
    local lines = { "a0: &a0 [x,x,x,x,x,x,x,x,x,x]" }
    for i = 1, 9 do
      local item = "*a" .. (i - 1)
      lines[#lines + 1] = ("a%d: &a%d [%s]"):format(i, i, (item .. ","):rep(9) .. item)
    end
    local v, err = yaml.load(table.concat(lines, "\n"))
    assert.is_nil(v)
    assert.matches("aliases expand to too many values", err)
  end)

  it("refuses bottomless nesting", function()
    local v, err = yaml.load(("["):rep(5000))
    assert.is_nil(v)
    assert.is_string(err)
  end)

  it("lets others run in between", function()
    local pauses = 0
    assert(yaml.load(("- {a: 1, b: 2}\n"):rep(500), function()
      pauses = pauses + 1
    end))
    assert.is_true(pauses > 5)
  end)

  it("writes what it reads", function()
    local v = {
      _format_version = "3.0", list = { 1, "two", true, { a = "b" }, { "x", "y" } }, empty = {}, text = "a: b\n\"c\"\\",
      uuid = "72734e2a-702d-5711-b9ef-697178108ad8", word = "yes", number = "12", float = 1.25, nothing = null,
    }
    local again = assert(yaml.load(yaml.dump(v)))
    assert.same(v, again)
  end)
end)
