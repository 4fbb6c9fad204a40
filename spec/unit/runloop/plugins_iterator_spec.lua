local iterator = require "kong.runloop.plugins_iterator"


local function handler(priority)
  return { PRIORITY = priority, VERSION = "1.0.0", access = function() end, log = function() end }
end


local PLUGINS = {
  { name = "auth", handler = handler(1000), priority = 1000 },
  { name = "limit", handler = handler(900), priority = 900 },
  { name = "mark", handler = { header_filter = function() end }, priority = 800 },
}


local function plugin(name, text, scope)
  local entity = { id = text, name = name, config = { text = text }, protocols = { "http", "https" }, enabled = true }
  for key, value in pairs(scope or {}) do
    entity[key] = value
  end
  return entity
end


local function texts(list)
  local out = {}
  for i = 1, list and #list or 0 do
    out[i] = list[i].conf.text
  end
  return out
end


local R, S, C = { id = "r" }, { id = "s" }, { id = "c" }


describe("plugins iterator", function()
  it("runs higher priorities first", function()
    local it_is = iterator.new(PLUGINS, { plugin("limit", "b"), plugin("auth", "a") }, "http")
    assert.same({ "a", "b" }, texts(it_is:plan("r", "s").access))
  end)

  it("takes the most specific configuration", function()
    local levels = {
      { "rsc", { route = R, service = S, consumer = C } }, { "rc", { route = R, consumer = C } },
      { "sc", { service = S, consumer = C } }, { "rs", { route = R, service = S } }, { "c", { consumer = C } },
      { "r", { route = R } }, { "s", { service = S } }, { "global", {} },
    }
    for from = 1, #levels do
      local entities = {}
      for i = #levels, from, -1 do
        table.insert(entities, plugin("limit", levels[i][1], levels[i][2]))
      end
      local it_is = iterator.new(PLUGINS, entities, "http")
      assert.same({ levels[from][1] }, texts(it_is:plan("r", "s", "c").access))
    end
  end)

  it("leaves out what is disabled, so that a wider one applies", function()
    local it_is = iterator.new(PLUGINS, { plugin("limit", "global"), plugin("limit", "off", { route = R, enabled = false }) }, "http")
    assert.same({ "global" }, texts(it_is:plan("r", "s").access))
  end)

  it("shares plans among routes that no plugin names", function()
    local it_is = iterator.new(PLUGINS, { plugin("limit", "global"), plugin("auth", "x", { route = R }) }, "http")
    assert.equal(it_is:plan("r1", "s"), it_is:plan("r2", "s2"))
    assert.not_equal(it_is:plan("r1", "s"), it_is:plan("r", "s"))
  end)

  it("switches to the consumer's configuration behind the plugin that found it", function()
    local it_is = iterator.new(PLUGINS, {
      plugin("auth", "auth"), plugin("auth", "auth of c", { consumer = C }), plugin("limit", "limit"),
      plugin("limit", "limit of c", { consumer = C }), plugin("mark", "mark of c", { consumer = C }),
    }, "http")
    local plan = it_is:plan("r", "s")
    local switched = it_is:switch(plan, plan.access[1].ordinal, "c")
    assert.same({ "auth", "limit of c" }, texts(switched.access))
    assert.same({ "mark of c" }, texts(switched.header_filter))
    assert.equal(switched, it_is:switch(plan, plan.access[1].ordinal, "c"))
    assert.equal(plan, it_is:switch(plan, plan.access[1].ordinal, "somebody else"))
  end)

  it("tells plugins the scope of their configuration", function()
    local it_is = iterator.new(PLUGINS, { plugin("limit", "x", { route = R, service = S }) }, "http")
    local conf = it_is:plan("r", "s").access[1].conf
    assert.equal("r", conf.route_id)
    assert.equal("s", conf.service_id)
    assert.equal("x", conf.__plugin_id)
  end)

  it("has false for phases that nobody hooked", function()
    local it_is = iterator.new(PLUGINS, { plugin("mark", "x") }, "http")
    assert.is_false(it_is.globals.access)
    assert.equal(1, #it_is.globals.header_filter)
  end)
end)
