-- resty.ipmatcher: addresses in lists of addresses and networks.
local ipmatcher = require "resty.ipmatcher"


describe("a matcher of addresses", function()
  it("knows addresses and networks of both families", function()
    local matcher = assert(ipmatcher.new({ "127.0.0.1", "10.0.0.0/8", "2001:db8::/32", "::1" }))
    for _, address in ipairs({ "127.0.0.1", "10.255.0.1", "2001:db8:1::2", "::1", "2001:0DB8:0::" }) do
      assert.is_true(matcher:match(address), address)
    end
    for _, address in ipairs({ "127.0.0.2", "11.0.0.1", "2001:db9::1", "::2" }) do
      assert.is_false(matcher:match(address), address)
    end
  end)

  it("takes addresses as bytes", function()
    local matcher = assert(ipmatcher.new({ "10.1.0.0/16" }))
    assert.is_true(matcher:match_bin("\10\1\2\3"))
    assert.is_false(matcher:match_bin("\10\2\2\3"))
  end)

  it("refuses what is no address", function()
    local matcher, err = ipmatcher.new({ "nothing" })
    assert.is_nil(matcher)
    assert.is_string(err)
    assert.is_nil((ipmatcher.new({ "10.0.0.0/33" })))
    local result
    result, err = assert(ipmatcher.new({ "10.0.0.0/8" })):match("nothing")
    assert.is_falsy(result)
    assert.is_string(err)
  end)

  it("gives back values that belong to networks", function()
    local matcher = assert(ipmatcher.new_with_value({ ["10.0.0.0/8"] = "ten", ["10.1.0.0/16"] = "ten one" }))
    assert.equal("ten one", matcher:match("10.1.2.3"))
    assert.equal("ten", matcher:match("10.2.2.3"))
    assert.is_false(matcher:match("11.0.0.1"))
  end)
end)
