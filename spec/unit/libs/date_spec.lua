-- The module "date" as plugins use it.
local date = require "date"


describe("date", function()
  it("formats seconds since 1970", function()
    assert.equal("14/Nov/2023:22:13:20", date(1700000000):fmt("%d/%b/%Y:%H:%M:%S"))
    assert.equal("2023-11-14T22:13:20", date(1700000000):fmt("${iso}"))
    assert.equal("Tue, 14 Nov 2023 22:13:20 GMT", date(1700000000):fmt("${http}"))
    assert.matches("^[+-]%d%d%d%d$", date(0):fmt("%z"))
    assert.equal("Tue, 14 Nov 2023 22:13:20", tostring(date(1700000000)))
  end)


  it("reads what HTTP and JSON carry", function()
    for _, text in ipairs {
      "2023-11-14T22:13:20Z", "2023-11-14 22:13:20", "20231114T221320Z", "2023-11-15T00:13:20+02:00",
      "Tue, 14 Nov 2023 22:13:20 GMT", "Tuesday, 14-Nov-23 22:13:20 GMT", "Tue Nov 14 22:13:20 2023",
    } do
      assert.equal(1700000000, date.diff(text, date.epoch()):spanseconds(), text)
    end
    assert.has_error(function() date("no date") end, "invalid date: no date")
  end)


  it("counts", function()
    local d = date(2024, 1, 31, 10)
    assert.equal(29, date.diff(d:copy():adddays(29), d):spandays())
    assert.same({ 2024, 3, 2 }, { d:copy():addmonths(1):getdate() })
    assert.equal(2025, d:copy():addmonths(12):getyear())
    assert.equal(90, date.diff("2024-01-01T01:30:00", "2024-01-01"):spanminutes())
    assert.is_true(d < d:copy():addseconds(1))
    assert.is_true(date(5) == date { year = 1970, month = 1, day = 1, sec = 5 })
    assert.is_true(date.isleapyear(2024))
  end)
end)
