-- JSON with the contract that plugins expect of cjson.
local cjson = require "cjson"
local safe = require "cjson.safe"


describe("cjson", function()
  it("keeps empty arrays that are marked as such", function()
    assert.equal("[]", cjson.encode(cjson.empty_array))
    assert.equal("[]", cjson.encode(setmetatable({}, cjson.array_mt)))
    assert.equal("[]", cjson.encode(setmetatable({}, cjson.empty_array_mt)))
    assert.equal("{}", cjson.encode({}))
  end)

  it("keeps decoded arrays as arrays when asked to", function()
    local mine = cjson.new()
    mine.decode_array_with_array_mt(true)
    assert.equal('{"a":[]}', mine.encode(mine.decode('{"a":[]}')))
    assert.equal('{"a":{}}', cjson.encode(cjson.decode('{"a":[]}')))
  end)

  it("has instances with settings of their own", function()
    local mine = cjson.new()
    mine.encode_number_precision(3)
    assert.equal("0.333", mine.encode(1 / 3))
    assert.equal("0.33333333333333", cjson.encode(1 / 3))
    assert.equal("0.3333333333333333", safe.encode(1 / 3))
  end)

  it("gives back what it was given", function()
    local values = { { a = { 1, 2, { b = "x\n\"\\" } } }, { 1, "two", false }, "caf\195\169", 5, 1.5, -0.25, true }
    for i = 1, #values do
      assert.same(values[i], cjson.decode(cjson.encode(values[i])))
    end
  end)

  it("knows null", function()
    assert.equal(ngx.null, cjson.null)
    assert.equal("null", cjson.encode(ngx.null))
    assert.equal(ngx.null, cjson.decode("null"))
    assert.equal(ngx.null, cjson.decode('{"a":null}').a)
  end)

  it("decodes surrogate pairs and refuses lone ones", function()
    assert.equal("\240\159\152\128", cjson.decode('"\\ud83d\\ude00"'))
    assert.is_nil(safe.decode('"\\ud83d"'))
    assert.is_nil(safe.decode('"\\ude00"'))
    assert.is_nil(safe.decode('"\\ud83d\\u0041"'))
    assert.is_nil(safe.decode('"\\u12'))
  end)

  it("refuses what is behind the value, zero bytes too", function()
    assert.same({ nil, "Expected the end but found invalid token at character 4" }, { safe.decode("[1]x") })
    assert.same({ nil, "Expected the end but found invalid token at character 4" }, { safe.decode("[1]\0[2]") })
  end)

  it("stops at the depth that is allowed", function()
    local deep = ("["):rep(1001) .. ("]"):rep(1001)
    local value, err = safe.decode(deep)
    assert.is_nil(value)
    assert.matches("too many nested data structures", err)
    assert.is_table(safe.decode(deep:sub(2, -2)))
    local t = {}
    t.t = t
    assert.same({ nil, "Cannot serialise, excessive nesting (1001)" }, { safe.encode(t) })
  end)

  it("names the position of an error", function()
    assert.same({ nil, "Expected value but found T_ARR_END at character 4" }, { safe.decode("[1,]") })
    assert.same({ nil, "Expected object key string but found T_END at character 2" }, { safe.decode("{") })
    assert.has_error(function() cjson.encode(print) end)
  end)

  it("survives any bytes", function()
    math.randomseed(7)
    local base = '{"a":[1,-2.5e3,"x\\u00e9\\n",true,null],"b":{"c":[[]]}}'
    for _ = 1, 2000 do
      local bytes = { base:byte(1, -1) }
      for _ = 1, math.random(1, 4) do
        bytes[math.random(#bytes)] = math.random(0, 255)
      end
      local text = string.char(unpack(bytes)):sub(1, math.random(#base))
      local value = safe.decode(text)
      if value ~= nil then
        assert.is_string(safe.encode(value) or "")
      end
    end
  end)
end)
