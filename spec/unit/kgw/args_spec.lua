local args = require "kgw.cli.args"

local OPTIONS = {
  { long = "conf", short = "c", kind = "string" }, { long = "timeout", short = "t", kind = "number", default = 10 },
  { long = "run-migrations", kind = "boolean" },
}


local function parse(...)
  return args.parse({ "kgw", ... }, 2, OPTIONS)
end


describe("the command line", function()
  it("takes options in every form and leaves words in order", function()
    local options = assert(parse("one", "-c", "a.conf", "--timeout=3", "--run-migrations", "two", "-t4", "--vv"))
    assert.are.same({ "one", "two", conf = "a.conf", timeout = 4, run_migrations = true, vv = true }, options)
  end)

  it("fills in defaults", function()
    assert.are.equal(10, parse().timeout)
  end)

  it("says what is wrong", function()
    for _, case in ipairs {
      { "unrecognized parameter: fly", "--fly" }, { "unrecognized parameter: x", "-x" }, { "conf was expecting a value", "-c" },
      { "unable to convert to number: z", "-t", "z" },
    } do
      local options, err = parse(case[2], case[3])
      assert.is_nil(options)
      assert.are.equal(case[1], err)
    end
  end)
end)
