describe("kong.tools.request_aware_table", function()
  local id_module = require "kong.observability.tracing.request_id"
  local get = id_module.get
  local kong_before = _G.kong
  local id


  local function load_with(log_level)
    id_module.get = function() return id end
    package.loaded["kong.tools.request_aware_table"] = nil
    rawset(_G, "kong", { configuration = { log_level = log_level } })
    return require "kong.tools.request_aware_table"
  end


  after_each(function()
    id_module.get = get
    package.loaded["kong.tools.request_aware_table"] = nil
    rawset(_G, "kong", kong_before)
  end)


  it("is for one request at a time when debugging", function()
    local t = load_with("debug").new()
    id = "1"
    t.a = 1
    assert.equal(1, t.a)
    id = "2"
    assert.has_error(function() t.a = 2 end, "concurrent access from different request to shared table detected")
    t:clear()
    assert.is_nil(t.a)
    assert.has_error(function() t.clear = 1 end, "cannot set the 'clear' method of request aware table")
  end)


  it("is a plain table otherwise", function()
    local t = load_with("notice").new(4, 4)
    id = "1"
    t.a = 1
    id = "2"
    assert.equal(1, t.a)
    t:clear()
    assert.is_nil(t.a)
    assert.has_error(function() t.clear = 1 end, "cannot set the 'clear' method of request aware table")
  end)
end)
