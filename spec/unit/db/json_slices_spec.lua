local cjson = require "cjson"
local slices = require "ngx.json_slices"


describe("json slices", function()
  local function decode(text)
    local pauses = 0
    local v, err = slices.decode(text, function()
      pauses = pauses + 1
    end)
    return v, err, pauses
  end

  it("decode large texts as cjson does", function()
    local list = {}
    for i = 1, 3000 do
      list[i] = { name = "n\"\\/" .. i, on = i % 2 == 0, deep = { { i, i / 4, cjson.null } }, text = ("\195\169"):rep(10) }
    end
    local input = { list = list, ["a\nb"] = 1, empty = {}, nothing = cjson.null }
    local text = cjson.encode(input)
    local v, err, pauses = decode(text)
    assert.is_nil(err)
    assert.same(cjson.decode(text), v)
    assert.is_true(pauses > 3000)
  end)

  it("tell what is wrong", function()
    local text = '{"a":[' .. ("1,"):rep(9000) .. "]}"
    local v, err = decode(text)
    assert.is_nil(v)
    assert.is_string(err)
    for _, broken in ipairs { '{"a":[' .. ("1,"):rep(9000), "[" .. ('"x",'):rep(9000) .. "nope]", ("["):rep(9000), "" } do
      v, err = decode(broken)
      assert.is_nil(v)
      assert.is_string(err)
    end
  end)
end)
