-- Shared dictionaries as Lua sees them.
describe("a shared dictionary", function()
  local dict = ngx.shared.spec

  before_each(function()
    dict:flush_all()
    dict:flush_expired()
  end)

  it("keeps strings, numbers and booleans as they are", function()
    assert.same({ true, nil, false }, { dict:set("s", "a\0b") })
    dict:set("n", -1.5)
    dict:set("f", false)
    assert.equal("a\0b", dict:get("s"))
    assert.equal(-1.5, dict:get("n"))
    assert.is_false(dict:get("f"))
    assert.is_nil(dict:get("missing"))
  end)

  it("gives back the flags it was given", function()
    dict:set("k", "v", 0, 7)
    assert.same({ "v", 7 }, { dict:get("k") })
  end)

  it("names what is wrong with keys and values", function()
    assert.same({ nil, "nil key" }, { dict:get(nil) })
    assert.same({ nil, "empty key" }, { dict:set("", 1) })
    assert.same({ nil, "key too long" }, { dict:set(("k"):rep(65536), 1) })
    assert.same({ nil, "bad value type" }, { dict:set("k", {}) })
    assert.has_error(function() dict.get("k") end, 'bad "zone" argument')
    assert.has_error(function() dict:set("k", 1, -1) end, 'bad "exptime" argument')
  end)

  it("adds only what is not there and replaces only what is", function()
    assert.is_true(dict:add("k", 1))
    assert.same({ false, "exists", false }, { dict:add("k", 2) })
    assert.is_true(dict:replace("k", 3))
    assert.same({ false, "not found", false }, { dict:replace("other", 1) })
    assert.equal(3, dict:get("k"))
    dict:set("k", nil)
    assert.is_nil(dict:get("k"))
  end)

  it("counts", function()
    assert.same({ nil, "not found" }, { dict:incr("c", 1) })
    assert.equal(11, (dict:incr("c", 1, 10)))
    assert.equal(10.5, (dict:incr("c", -0.5)))
    dict:set("t", "text")
    assert.same({ nil, "not a number" }, { dict:incr("t", 1) })
    assert.has_error(function() dict:incr("c", 1, nil, 5) end, 'must provide "init" when providing "init_ttl"')
  end)

  it("forgets what expired and still has it as stale", function()
    dict:set("k", "old", 0.01)
    assert.is_true(dict:ttl("k") > 0)
    ngx.sleep(0.03)
    assert.is_nil(dict:get("k"))
    assert.same({ "old", nil, true }, { dict:get_stale("k") })
    assert.equal(1, dict:flush_expired())
    dict:set("k", 1)
    assert.equal(0, dict:ttl("k"))
    assert.is_true(dict:expire("k", 10))
    assert.is_true(dict:ttl("k") > 9)
    assert.same({ nil, "not found" }, { dict:expire("other", 1) })
  end)

  it("has lists", function()
    assert.equal(1, dict:rpush("l", "b"))
    assert.equal(2, dict:lpush("l", 1))
    assert.equal(2, dict:llen("l"))
    assert.same({ nil, "value is a list" }, { dict:get("l") })
    assert.equal(1, dict:lpop("l"))
    assert.equal("b", dict:rpop("l"))
    assert.is_nil(dict:lpop("l"))
    dict:set("v", 1)
    assert.same({ nil, "value not a list" }, { dict:lpush("v", 1) })
  end)

  it("lists its keys", function()
    for i = 1, 20 do
      dict:set("key" .. i, i)
    end
    assert.equal(20, #dict:get_keys(0))
    assert.equal(5, #dict:get_keys(5))
  end)

  it("drops what was not used for the longest time when it is full, unless told not to", function()
    local small = require("ngx.shdict").make("spec_small", 65536)
    local value = ("x"):rep(1000)
    local forced, refused = false, false
    for i = 1, 200 do
      local ok, err = small:safe_set("k" .. i, value)
      if not ok then
        refused = err
        break
      end
    end
    assert.equal("no memory", refused)
    for i = 201, 300 do
      local ok, _, forcible = small:set("k" .. i, value)
      assert.is_true(ok)
      forced = forced or forcible
    end
    assert.is_true(forced)
    assert.equal(value, small:get("k300"))
  end)
end)
