local file = require "kong.conf.file"
local properties = require "kong.conf.properties"

describe("kong.conf.default", function()
  local documented = {}

  setup(function()
    for line in io.lines(KGW_ROOT .. "/kong.conf.default") do
      local name, value = line:match("^#([%l%d_]+) =(.*)$")
      if name then
        documented[name] = file.parse("x =" .. value).x or ""
      end
    end
  end)

  it("shows every property with its default", function()
    for _, name in ipairs(properties.names) do
      if name:sub(1, 1) ~= "_" then
        assert.are.equal(properties.by_name[name].default or "", documented[name], name)
      end
    end
  end)

  it("shows no property that is not known", function()
    for name in pairs(documented) do
      assert.is_truthy(properties.by_name[name] or name:match("^vault_"), name)
    end
  end)
end)
