local format = require "kong.pdk.private.format"


describe("a log format", function()
  local function render(text, namespace)
    return format.render(format.compile(text, namespace), 1, "hello")
  end

  it("puts in the message, the namespace and the caller's place", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local text = render("%file_src:%line_src [%namespace] %message", "my-plugin")
    assert.equal("format_spec.lua:" .. line .. " [my-plugin] hello", text)
  end)

  it("keeps what an escaped or unknown name says", function()
    assert.equal("%%message %unknown hello 100%", render("%%message %unknown %message 100%"))
  end)

  it("draws boxes of one width", function()
    local lines = format.box("head", ("x"):rep(25) .. "\nshort", 10)
    for i = 1, #lines do
      assert.equal(12 + (i == 1 and 1 or 0), #lines[i])
    end
    assert.equal("|xxxxxxxxxx|", lines[2])
    assert.equal("|xxxxx     |", lines[4])
    assert.equal("|short     |", lines[5])
  end)
end)
