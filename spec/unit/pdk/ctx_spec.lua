-- kong.ctx: which tables are whose, and what an assignment does.
local new_ctx = require("kong.pdk.ctx").new

describe("kong.ctx", function()
  local ctx
  local first, second = {}, {}

  local function as(handler)
    ngx.ctx.plugin_handler = handler
  end

  before_each(function()
    ngx.ctx = {}
    ctx = new_ctx()
  end)

  it("has a table for each plugin and one for all", function()
    as(first)
    ctx.plugin.name, ctx.shared.who = "first", "all"
    as(second)
    assert.is_nil(ctx.plugin.name)
    assert.equal("all", ctx.shared.who)
    as(first)
    assert.equal("first", ctx.plugin.name)
  end)

  it("gives every plugin the table that one assigned, until the request ends", function()
    as(first)
    ctx.plugin.name = "first"
    as(second)
    local assigned = { name = "second" }
    ctx.plugin = assigned
    assert.equal(assigned, ctx.plugin)
    as(first)
    assert.equal(assigned, ctx.plugin)
    ctx.plugin.more = 1
    as({})
    assert.equal(1, ctx.plugin.more)
    ngx.ctx = {}
    as(first)
    assert.is_nil(ctx.plugin.name)
  end)

  it("takes other names, until the request ends", function()
    assert.is_nil(ctx.mine)
    ctx.mine = 5
    assert.equal(5, ctx.mine)
    ngx.ctx = {}
    assert.is_nil(ctx.mine)
  end)

  it("keeps its own tables when they are set to nil or to what is none", function()
    as(first)
    local own = ctx.plugin
    ctx.plugin = nil
    assert.equal(own, ctx.plugin)
    assert.has_error(function()
      ctx.shared = 1
    end, "cannot set kong.ctx.shared to a number: a table expected")
  end)
end)
