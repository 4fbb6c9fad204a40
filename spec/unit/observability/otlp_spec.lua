-- OpenTelemetry messages, read again with the generic protobuf reader.
local otlp = require "kong.observability.otlp"
local pb = require "pb"
local protoc = require "protoc"

local PROTO = [[
syntax = "proto3";
package otlp;
message Any { string text = 1; bool flag = 2; int64 whole = 3; double real = 4; List list = 5; Pairs pairs = 6; }
message List { repeated Any values = 1; }
message Pairs { repeated Pair values = 1; }
message Pair { string key = 1; Any value = 2; }
message Event { fixed64 at = 1; string name = 2; repeated Pair attributes = 3; }
message Status { string message = 2; int32 code = 3; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; bytes parent = 4; string name = 5; int32 kind = 6; fixed64 start = 7;
  fixed64 stop = 8; repeated Pair attributes = 9; repeated Event events = 11; Status status = 15;
}
message Scope { string name = 1; string version = 2; }
message Scoped { Scope scope = 1; repeated Span spans = 2; }
message Resource { repeated Pair attributes = 1; }
message OfResource { Resource resource = 1; repeated Scoped scoped = 2; }
message Request { repeated OfResource all = 1; }
]]


local function by_key(pairs_of)
  local out = {}
  for _, pair in ipairs(pairs_of) do
    out[pair.key] = pair.value
  end
  return out
end


describe("OpenTelemetry's protocol", function()
  local before

  setup(function()
    before = _G.kong
    _G.kong = { version = "9.9", node = { get_id = function() return "node" end } }
    assert(protoc.new():load(PROTO, "otlp_spec.proto"))
  end)

  teardown(function()
    _G.kong = before
  end)

  it("has spans with all they know", function()
    local span = {
      trace_id = "trace",
      span_id = "spanspan",
      parent_id = "parent",
      name = "work",
      kind = 2,
      start_time_ns = 1.5e18,
      end_time_ns = 1.5e18 + 1024,
      status = 2,
      attributes = { ["http.status_code"] = 404, real = 1.5, flag = true, text = "x", list = { "a", "b" }, map = { k = "v" } },
      events = { [0] = 1, { name = "happened", time_ns = 1e18, attributes = { a = "b" } } },
    }
    local bytes = otlp.encode_traces({ otlp.encode_span(span) }, { ["service.name"] = "mine" })
    local found = pb.decode("otlp.Request", bytes).all[1]
    local resource = by_key(found.resource.attributes)
    assert.same({ "mine", "9.9", "node" }, {
      resource["service.name"].text, resource["service.version"].text, resource["service.instance.id"].text,
    })
    assert.same({ "kong-internal", "0.1.0" }, { found.scoped[1].scope.name, found.scoped[1].scope.version })
    local read = found.scoped[1].spans[1]
    assert.equal(("\0"):rep(11) .. "trace", read.trace_id)
    assert.equal("\0\0parent", read.parent)
    assert.same({ "spanspan", "work", 2 }, { read.span_id, read.name, read.kind })
    assert.equal(1.5e18, tonumber(read.start))
    assert.equal(1.5e18 + 1024, tonumber(read.stop))
    local attributes = by_key(read.attributes)
    assert.equal(404, attributes["http.status_code"].whole)
    assert.equal(1.5, attributes.real.real)
    assert.is_true(attributes.flag.flag)
    assert.equal("x", attributes.text.text)
    assert.equal("b", attributes.list.list.values[2].text)
    assert.equal("v", by_key(attributes.map.pairs.values).k.text)
    assert.equal("happened", read.events[1].name)
    assert.equal(2, read.status.code)
  end)
end)
