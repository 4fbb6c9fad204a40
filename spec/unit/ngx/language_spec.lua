-- Lua 5.2's rules, which OpenResty's LuaJIT has and plugins count on.
describe("Lua 5.2's rules", function()
  local proxy = setmetatable({}, {
    __len = function()
      return 7
    end,
    __pairs = function()
      return next, { a = 1 }, nil
    end,
    __ipairs = function(t)
      return function(_, i)
        if i < 3 then
          return i + 1, t
        end
      end, t, 0
    end,
  })

  it("are what kgw is built with", function()
    assert.is_function(rawlen)
  end)

  it("let a table say its length", function()
    assert.equal(7, #proxy)
    assert.equal(0, rawlen(proxy))
  end)

  it("let a table say its length in compiled code", function()
    local sum = 0
    for _ = 1, 1000 do
      sum = sum + #proxy
    end
    assert.equal(7000, sum)
  end)

  it("let a table say what pairs and ipairs give", function()
    local found = {}
    for k, v in pairs(proxy) do
      found[k] = v
    end
    assert.same({ a = 1 }, found)
    local last
    for i, v in ipairs(proxy) do
      assert.equal(proxy, v)
      last = i
    end
    assert.equal(3, last)
  end)

  it("have table.pack, table.unpack and a separator of string.rep", function()
    local packed = table.pack(1, nil, 3, nil)
    assert.equal(4, packed.n)
    assert.equal(4, select("#", table.unpack(packed, 1, packed.n)))
    assert.equal("a,a,a", ("a"):rep(3, ","))
  end)

  it("tell the main coroutine from others", function()
    local thread, is_main = coroutine.wrap(function()
      return coroutine.running()
    end)()
    assert.equal("thread", type(thread))
    assert.is_false(is_main)
  end)

  it("let load take text, a mode and an environment", function()
    assert.equal(5, load("return x", "chunk", "t", { x = 5 })())
    local fn, err = load(string.dump(function() end), "chunk", "t")
    assert.is_nil(fn)
    assert.matches("wrong mode", err)
  end)
end)


describe("LuaJIT's own modules", function()
  it("are found and are of the build that runs", function()
    for _, name in ipairs { "jit.util", "jit.v", "jit.dump", "jit.bc", "jit.bcsave", "jit.p" } do
      assert.is_table(require(name))
    end
    local names = require("jit.vmdef").ffnames
    assert.equal("rawlen", names[require("jit.util").funcinfo(rawlen).ffid])
  end)
end)
