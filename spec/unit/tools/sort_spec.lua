local sort = require("kong.tools.sort").sort


describe("sort", function()
  it("sorts lists of any length as table.sort does", function()
    for _, n in ipairs { 0, 1, 127, 128, 129, 256, 1000, 5001 } do
      local list, expected, pauses = {}, {}, 0
      for i = 1, n do
        list[i] = ("%08d"):format(i * 7919 % 10007)
        expected[i] = list[i]
      end
      table.sort(expected)
      assert.same(expected, sort(list, function()
        pauses = pauses + 1
      end))
      assert.equal(n > 128, pauses > 0)
    end
  end)
end)
