-- Trace context in headers: each format reads what it wrote, and wrong headers are no trace.
local from_hex = require("kong.observability.tracing.propagation.ids").from_hex
local to_hex = require("kong.observability.tracing.propagation.ids").to_hex

local FORMATS = "kong.observability.tracing.propagation.formats."
local TRACE, SPAN, PARENT = ("0af7651916cd43dd8448eb211c80319c"), "b7ad6b7169203331", "00f067aa0ba902b7"


describe("a format of trace headers", function()
  local before

  setup(function()
    before = _G.kong
    _G.kong = setmetatable({ log = { warn = function() end } }, { __index = before })
  end)

  teardown(function()
    _G.kong = before
  end)

  local function read(format, headers)
    return require(FORMATS .. format).read(headers)
  end

  for _, format in ipairs({ "b3", "w3c", "jaeger", "ot", "aws", "gcp" }) do
    it(format .. " reads what it wrote", function()
      local lib = require(FORMATS .. format)
      local trace = { trace_id = from_hex(TRACE), span_id = from_hex(SPAN), parent_id = from_hex(PARENT), should_sample = true }
      local found = lib.read(lib.write(trace))
      assert.equal(TRACE, to_hex(found.trace_id))
      assert.equal(SPAN, to_hex(found.span_id))
      assert.is_true(found.should_sample)
      assert.equal(TRACE, lib.show(trace.trace_id)[format])
    end)
  end

  it("datadog reads what it wrote", function()
    local lib = require(FORMATS .. "datadog")
    local headers = lib.write({ trace_id = from_hex(SPAN), span_id = from_hex(PARENT), should_sample = false })
    assert.equal("0", headers["x-datadog-sampling-priority"])
    local found = lib.read(headers)
    assert.equal(SPAN, to_hex(found.trace_id))
    assert.equal(PARENT, ("%016s"):format(to_hex(found.span_id)):gsub(" ", "0"))
    assert.is_false(found.should_sample)
  end)

  it("b3 reads one header as well", function()
    local found = read("b3", { b3 = TRACE .. "-" .. SPAN .. "-d-" .. PARENT })
    assert.same({ TRACE, SPAN, PARENT }, { to_hex(found.trace_id), to_hex(found.span_id), to_hex(found.parent_id) })
    assert.same({ true, "1", true }, { found.should_sample, found.flags, found.single_header })
    assert.is_false(read("b3", { b3 = "0" }).should_sample)
    found = read("b3", { tracestate = { "a=b", "b3=" .. TRACE .. "-" .. SPAN } })
    assert.equal(SPAN, to_hex(found.span_id))
  end)

  it("finds no ids in wrong headers", function()
    assert.is_nil(read("w3c", { traceparent = "00-xyz" }))
    assert.is_nil(read("w3c", { traceparent = "01-" .. TRACE .. "-" .. SPAN .. "-01" }))
    assert.is_nil(read("w3c", { traceparent = "00-" .. ("0"):rep(32) .. "-" .. SPAN .. "-01" }))
    assert.is_nil(read("b3", { ["x-b3-traceid"] = "12", ["x-b3-spanid"] = SPAN }).trace_id)
    assert.is_nil(read("b3", { b3 = "garbage" }).trace_id)
    assert.is_nil(read("jaeger", { ["uber-trace-id"] = TRACE .. ":0:0:01" }))
    assert.is_nil(read("ot", { ["ot-tracer-traceid"] = "x" }).trace_id)
    assert.is_nil(read("aws", { ["x-amzn-trace-id"] = "Root=2-x" }))
    assert.is_nil(read("gcp", { ["x-cloud-trace-context"] = TRACE .. "/12/13" }))
    assert.is_nil(read("datadog", { ["x-datadog-trace-id"] = "x" }).trace_id)
  end)

  it("jaeger carries baggage", function()
    local lib = require(FORMATS .. "jaeger")
    local headers = lib.write({ trace_id = from_hex(TRACE), span_id = from_hex(SPAN), baggage = { color = "dark red" } })
    assert.equal("dark%20red", headers["uberctx-color"])
    assert.same({ color = "dark red" }, lib.read(headers).baggage)
  end)
end)
