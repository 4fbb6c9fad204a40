-- loadkit: loaders of files that are not Lua.
local loadkit = require "loadkit"


describe("loadkit", function()
  local folder, old_path


  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(require("lfs").mkdir(folder))
    local file = io.open(folder .. "/loadkit_thing.leafo", "w")
    file:write("Hello\n")
    file:close()
    old_path = package.path
    package.path = folder .. "/?.lua;" .. old_path
  end)


  teardown(function()
    package.path = old_path
    os.remove(folder .. "/loadkit_thing.leafo")
    os.remove(folder)
  end)


  after_each(function()
    package.loaded.loadkit_thing = nil
    loadkit.unregister("leafo")
    loadkit.unregister("leafo:second")
  end)


  it("makes require load files of an extension", function()
    local seen
    assert.is_true(loadkit.register("leafo", function(file, name, path)
      seen = { file, name, path }
      return file:read("*a")
    end))
    assert.equal("Hello\n", require("loadkit_thing"))
    assert.equal("closed file", io.type(seen[1]))
    assert.same({ "loadkit_thing", folder .. "/loadkit_thing.leafo" }, { seen[2], seen[3] })
  end)


  it("tells handlers of an extension apart by tags", function()
    assert(loadkit.register("leafo", function() return "one" end))
    assert(loadkit.register("leafo:second", function() return "two" end))
    assert.equal("two", require("loadkit_thing"))
    package.loaded.loadkit_thing = nil
    assert.is_true(loadkit.unregister("leafo:second"))
    assert.equal("one", require("loadkit_thing"))
  end)


  it("loads nothing when the handler returns nil", function()
    assert(loadkit.register("leafo", function(file) file:close() return nil, "no good" end))
    assert.matches("no good", select(2, pcall(require, "loadkit_thing")), 1, true)
  end)


  it("knows what is registered", function()
    assert.is_false(loadkit.is_registered("leafo"))
    assert.same({ nil, "can't find existing loader `leafo`" }, { loadkit.unregister("leafo") })
    assert(loadkit.register("leafo", function() return 1 end))
    assert.is_true(loadkit.is_registered("leafo"))
  end)


  it("makes loaders that find paths", function()
    assert.same({ folder .. "/loadkit_thing.leafo" }, { loadkit.make_loader("leafo")("loadkit_thing") })
    assert.same({}, { loadkit.make_loader("leafo")("loadkit_nothing") })
    assert.same({ 7 }, { loadkit.make_loader("leafo", function() return 7 end, folder .. "/?.lua")("loadkit_thing") })
  end)
end)
