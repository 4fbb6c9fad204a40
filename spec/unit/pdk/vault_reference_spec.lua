local references = require "kong.pdk.private.vault_reference"


describe("a vault reference", function()
  it("is told from other text", function()
    assert.is_true(references.is_reference("{vault://env/a}"))
    for _, text in ipairs { "{vault://env/a", "vault://env/a", "plain", "" } do
      assert.is_false(references.is_reference(text))
    end
    assert.is_false(references.is_reference(nil))
  end)

  it("comes apart", function()
    assert.same({ name = "env", resource = "res", key = "key", config = { a = "1", b = true }, version = 2 },
                references.parse("{vault://env/res/key?a=1&b#2}"))
    assert.same({ name = "env", resource = "a/b", key = "c" }, references.parse("{vault://env/a/b/c}"))
    assert.same({ name = "env", resource = "a/b" }, references.parse("{vault://env/a/b/}"))
    assert.same({ name = "env", resource = "a b" }, references.parse("{vault://env/a%20b}"))
  end)

  it("says what is missing", function()
    local function err_of(text)
      return select(2, references.parse(text))
    end
    assert.equal("not a reference [x]", err_of("x"))
    assert.equal("reference url is missing host [{vault:///x}]", err_of("{vault:///x}"))
    assert.equal("reference url is missing path [{vault://env}]", err_of("{vault://env}"))
    assert.equal("reference url has empty path [{vault://env/}]", err_of("{vault://env/}"))
    assert.equal("reference url has invalid version [{vault://env/a#x}]", err_of("{vault://env/a#x}"))
  end)

  it("is found at any depth of a configuration", function()
    local config = {
      secret = "old", ["$refs"] = { secret = "{vault://env/a}", list = { [2] = "{vault://env/b}" } },
      list = { "x", "old" },
      inner = { key = "old", ["$refs"] = { key = "{vault://env/c}" } },
    }
    references.each(config, function(reference, holder, key)
      holder[key] = reference:sub(-2, -2)
    end)
    assert.equal("a", config.secret)
    assert.equal("b", config.list[2])
    assert.equal("c", config.inner.key)
  end)
end)
