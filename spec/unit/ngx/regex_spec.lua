-- ngx.re over PCRE2.
describe("ngx.re", function()
  it("matches groups, named ones too", function()
    local m = ngx.re.match("k=v", [[(?<key>\w)=(?<value>\w)]], "jo")
    assert.equal("k=v", m[0])
    assert.equal("k", m.key)
    assert.equal("v", m[2])
  end)

  it("marks unmatched groups with false", function()
    local m = ngx.re.match("b", "(a)?(b)")
    assert.is_false(m[1])
    assert.equal("b", m[2])
  end)

  it("gathers groups of one name", function()
    assert.same({ "b" }, ngx.re.match("b", "(?<x>a)|(?<x>b)", "D").x)
  end)

  it("moves ctx.pos behind the match", function()
    local ctx = { pos = 2 }
    assert.equal(3, (ngx.re.find("aXa", "a", "jo", ctx)))
    assert.equal(4, ctx.pos)
    assert.is_nil(ngx.re.find("aXa", "a", "jo", ctx))
  end)

  it("explains what is wrong", function()
    local m, err = ngx.re.match("a", "(")
    assert.is_nil(m)
    assert.equal('pcre2_compile() failed: missing closing parenthesis in "("', err)
    assert.has_error(function()
      ngx.re.match("a", "a", "iz")
    end, 'unknown flag "z" (flags "iz")')
    assert.equal("nth out of bound", select(3, ngx.re.find("a", "a", "", nil, 5)))
  end)

  it("walks over empty matches, whole characters at a time with u", function()
    local n = 0
    for _ in ngx.re.gmatch("aaa", "") do
      n = n + 1
    end
    assert.equal(4, n)
    assert.equal("-\195\169-", (ngx.re.gsub("\195\169", "", "-", "u")))
  end)

  it("replaces with templates and functions", function()
    assert.equal("smith, john", (ngx.re.sub("john smith", [[(\w+) (\w+)]], "$2, ${1}")))
    assert.equal("$1", (ngx.re.sub("a", "a", "$$1")))
    assert.equal("AbC", (ngx.re.gsub("abc", "[ac]", function(m)
      return m[0]:upper()
    end)))
    assert.equal("failed to compile the replacement template", select(3, ngx.re.sub("a", "a", "$x")))
  end)

  it("lets a replacement use the same expression", function()
    local out = ngx.re.gsub("a1b2", [[(\w)(\d)]], function(m)
      return (ngx.re.gsub(m[1] .. "9", [[(\w)(\d)]], "<$1>", "jo")) .. m[2]
    end, "jo")
    assert.equal("<a>1<b>2", out)
  end)

  it("keeps no more than a bounded number of expressions", function()
    for i = 1, 1200 do
      assert.equal(1, (ngx.re.find("x" .. i, "x" .. i)))
    end
  end)
end)


describe("ngx.re.split", function()
  local split = require("ngx.re").split

  it("splits as Perl does", function()
    assert.same({ "a", "b", "", "c" }, split("a,b,,c", ","))
    assert.same({ "a", "1", "b" }, split("a1b", [[(\d)]]))
    assert.same({ "a", "b,c" }, split("a,b,c", ",", nil, nil, 2))
    assert.same({ "a", "b", "c" }, split("abc", ""))
    assert.same({ "", "a" }, split(",a,", ","))
    assert.same({}, split("", ","))
    assert.same({ "b", "c" }, split("a,b,c", ",", nil, { pos = 3 }))
  end)

  it("reports a bad expression", function()
    local list, err = split("a", "(")
    assert.is_nil(list)
    assert.matches("missing closing parenthesis", err)
  end)
end)
