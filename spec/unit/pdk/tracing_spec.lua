local tracing = require "kong.pdk.tracing"


local function new(configuration)
  return tracing.new { configuration = configuration or {} }
end


describe("kong.tracing", function()
  it("is mute unless instrumentations are named", function()
    local t = new()
    local span = t.start_span("x")
    assert.is_false(span.is_recording)
    span:set_attribute("a", 1)
    span.anything = 1
    assert.is_nil(span.anything)
    assert.is_nil(t.active_span())
  end)

  it("gives one tracer per name", function()
    assert.equal(new().new("same"), new().new("same"))
    assert.not_equal(new().new("same"), new().new("other"))
  end)

  it("decides by the first bytes of the trace id", function()
    local tracer = new().new("sampling", { sampling_rate = 0.5 })
    assert.is_true(tracer.sampler(("\0"):rep(16)))
    assert.is_false(tracer.sampler(("\255"):rep(16)))
    assert.is_true(tracer.sampler(("\255"):rep(16), 1))
    assert.is_false(tracer.sampler(("\0"):rep(16), 0))
    assert.same({ nil, "invalid fraction" }, { tracer.sampler(("\0"):rep(16), "x") })
    assert.is_nil((tracer.sampler("short")))
  end)
end)


describe("a span", function()
  local span_class = require "kong.pdk.private.span"
  local tracer

  before_each(function()
    local spans = { [0] = 0 }
    tracer = {
      sampler = function()
        return true
      end,
      active_span = function() end,
      get_spans = function()
        return spans
      end,
    }
  end)

  local function start(options)
    return span_class.link(tracer, span_class.create(tracer, options), "work", options)
  end

  it("continues its parent", function()
    local parent = start()
    local child = start({ parent = parent })
    assert.equal(parent.trace_id, child.trace_id)
    assert.equal(parent.span_id, child.parent_id)
    assert.equal(16, #child.trace_id)
    assert.equal(8, #child.span_id)
    assert.equal(2, tracer.get_spans()[0])
  end)

  it("collects attributes and events", function()
    local span = start({ attributes = { a = 1 } })
    span:set_attribute("b", "x")
    span:add_event("happened", { k = "v" })
    span:record_error("broken")
    assert.same({ a = 1, b = "x" }, span.attributes)
    assert.equal("happened", span.events[1].name)
    assert.same({ ["exception.message"] = "broken" }, span.events[2].attributes)
  end)

  it("ends once, after its start", function()
    local span = start()
    assert.has.error(function()
      span:finish(1)
    end, "invalid span duration")
    span:finish()
    local ended_at = span.end_time_ns
    span:finish()
    assert.equal(ended_at, span.end_time_ns)
  end)

  it("checks its options", function()
    assert.has.error(function()
      span_class.create(tracer, { span_kind = "x" })
    end, "invalid start kind")
  end)
end)
