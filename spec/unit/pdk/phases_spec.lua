local phases = require "kong.pdk.private.phases"


describe("the phase check", function()
  local PHASES = phases.phases
  local kong_before

  setup(function()
    kong_before = rawget(_G, "kong")
    _G.kong = { ctx = {} }
  end)

  teardown(function()
    _G.kong = kong_before
  end)

  before_each(function()
    ngx.ctx.KONG_PHASE = nil
  end)

  it("lets a phase of the mask through", function()
    ngx.ctx.KONG_PHASE = PHASES.access
    assert.has_no.errors(function()
      phases.check(phases.new(PHASES.rewrite, PHASES.access))
    end)
  end)

  it("names the phase and the allowed ones, by ascending bit", function()
    ngx.ctx.KONG_PHASE = PHASES.log
    local _, err = pcall(function()
      phases.check(phases.new(PHASES.admin_api, PHASES.header_filter, PHASES.rewrite))
    end)
    assert.matches("function cannot be called in log phase (only in: rewrite, header_filter, admin_api)", err, 1, true)
  end)

  it("raises at the caller of the function that checks", function()
    ngx.ctx.KONG_PHASE = PHASES.log
    local function pdk_function()
      phases.check(PHASES.access)
      return true
    end
    local line = debug.getinfo(1, "l").currentline + 2
    local _, err = pcall(function()
      local result = pdk_function()
      return result
    end)
    assert.matches("phases_spec.lua:" .. line .. ":", err, 1, true)
  end)

  it("says so when there is no phase", function()
    local _, err = pcall(phases.check, PHASES.access)
    assert.matches("no phase in ngx.ctx.KONG_PHASE, (need one of access)", err, 1, true)
    _, err = pcall(phases.check_not, PHASES.init_worker)
    assert.matches("no phase in ngx.ctx.KONG_PHASE", err, 1, true)
  end)

  it("does nothing without a gateway", function()
    _G.kong = nil
    assert.has_no.errors(function()
      phases.check(PHASES.access)
    end)
    _G.kong = { ctx = {} }
  end)

  it("refuses names that are no phase", function()
    assert.has.errors(function()
      return PHASES.nonsense
    end)
  end)
end)
