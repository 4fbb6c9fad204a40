local kgw = require "spec.support.kgw"
local posix = require "kgw.posix"


describe("docs/plugin-api.md", function()
  it("is what scripts/gen_plugin_api.lua writes", function()
    local code, out, err = kgw.run { "run", "scripts/gen_plugin_api.lua" }
    assert.equal(0, code, err)
    assert.equal(posix.read_file("docs/plugin-api.md"), out, "run: build/kgw run scripts/gen_plugin_api.lua > docs/plugin-api.md")
  end)
end)
