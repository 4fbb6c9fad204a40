local levels = require "kong.cache.levels"
local lru = require "kong.cache.lru"


describe("the first level", function()
  it("keeps what is used and forgets the rest", function()
    local cache = lru.new(20)
    cache:set("kept", 1)
    for i = 1, 100 do
      cache:set("k" .. i, i)
      assert.equal(1, cache:get("kept"))
    end
    assert.equal(100, cache:get("k100"))
    assert.is_nil(cache:get("k1"))
  end)

  it("holds the last write, whatever generation it was in", function()
    local cache = lru.new(4)
    for round = 1, 5 do
      for i = 1, 3 do
        cache:set("k" .. i, round)
      end
      assert.equal(round, cache:get("k3"))
    end
    cache:delete("k3")
    assert.is_nil(cache:get("k3"))
  end)
end)


describe("a cache of three levels", function()
  local cache, other, told

  before_each(function()
    ngx.shared.spec:flush_all()
    told = {}
    cache = assert(levels.new { name = "spec", prefix = "a", ttl = 0, neg_ttl = 0, on_delete = function(key)
      told[#told + 1] = key
    end })
    other = assert(levels.new { name = "spec", prefix = "a", ttl = 0, neg_ttl = 0 })
  end)

  local function loader(value)
    return function(...)
      return { value, ... }
    end
  end

  it("asks the loader once", function()
    local value, err, level = cache:get("k", nil, loader("v"), 1)
    assert.same({ { "v", 1 }, 3 }, { value, level })
    assert.is_nil(err)
    local again, _, second = cache:get("k", nil, loader("other"))
    assert.equal(value, again)
    assert.equal(1, second)
  end)

  it("shares through the dictionary", function()
    cache:get("k", nil, loader("v"))
    local value, _, level = other:get("k", nil, loader("other"))
    assert.same({ "v" }, value)
    assert.equal(2, level)
  end)

  it("remembers that there is nothing", function()
    assert.same({ n = 3, nil, nil, 3 }, { n = select("#", cache:get("none", nil, function() end)), nil, nil, 3 })
    local value, _, level = other:get("none", nil, loader("now"))
    assert.is_nil(value)
    assert.equal(2, level)
  end)

  it("keeps false apart from nothing", function()
    cache:get("no", nil, function()
      return false
    end)
    assert.is_false((other:get("no", nil, loader("x"))))
  end)

  it("does not remember errors", function()
    local value, err = cache:get("k", nil, function()
      return nil, "broken"
    end)
    assert.same({ nil, "broken" }, { value, err })
    assert.same({ "v" }, (cache:get("k", nil, loader("v"))))
  end)

  it("reports what the loader raised", function()
    local _, err = cache:get("k", nil, function()
      error("thrown", 0)
    end)
    assert.matches("^callback threw an error: thrown\n", err)
  end)

  it("refuses what cannot be kept", function()
    assert.has.error(function()
      cache:get("f", nil, function()
        return print
      end)
    end, "cannot cache value of type function")
    assert.same({ "v" }, (cache:get("f", nil, loader("v"))))
  end)

  it("tells others what it deletes", function()
    cache:get("k", nil, loader("v"))
    cache:delete("k")
    assert.same({ "k" }, told)
    assert.is_nil((cache:peek("k")))
    local _, _, level = other:get("k", nil, loader("new"))
    assert.equal(3, level)
  end)

  it("expires", function()
    cache:get("k", { ttl = 0.05 }, loader("v"))
    local ttl = cache:peek("k")
    assert.is_true(ttl > 0 and ttl <= 0.05)
    ngx.sleep(0.1)
    ngx.update_time()
    local value, _, level = cache:get("k", nil, loader("new"))
    assert.same({ "new" }, value)
    assert.equal(3, level)
  end)

  it("serves what has expired while the loader fails", function()
    local stale = assert(levels.new { name = "spec", prefix = "s", ttl = 0.02, resurrect_ttl = 5 })
    stale:get("k", nil, loader("old"))
    ngx.sleep(0.05)
    ngx.update_time()
    local value, err, level = stale:get("k", nil, function()
      return nil, "down"
    end)
    assert.same({ "old" }, value)
    assert.is_nil(err)
    assert.equal(4, level)
  end)

  it("loads a key once for all who wait", function()
    local calls = 0
    local function slow()
      calls = calls + 1
      ngx.sleep(0.02)
      return "v"
    end
    local threads = {}
    for i = 1, 5 do
      threads[i] = ngx.thread.spawn(function()
        return cache:get("slow", nil, slow)
      end)
    end
    for i = 1, 5 do
      local ok, value = ngx.thread.wait(threads[i])
      assert.is_true(ok)
      assert.equal("v", value)
    end
    assert.equal(1, calls)
  end)
end)
