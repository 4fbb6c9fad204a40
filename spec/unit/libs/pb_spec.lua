-- Protobuf: types from .proto texts, messages to bytes and back.
local pb = require "pb"
local protoc = require "protoc"

local TEXT = [[
  syntax = "proto3";
  package spec.pb;
  import "google/protobuf/timestamp.proto";
  // a comment
  message Outer {
    message Inner { string name = 1; int32 n = 2; }
    enum Color { RED = 0; GREEN = 1; BLUE = 5; }
    double d = 1; float f = 2; int64 i64 = 3; uint64 u64 = 4; int32 i32 = 5; fixed64 f64 = 6; fixed32 f32 = 7; bool b = 8; string s = 9;
    bytes raw = 10; uint32 u32 = 11; Color color = 12; sfixed32 sf32 = 13; sfixed64 sf64 = 14; sint32 s32 = 15; sint64 s64 = 16;
    Inner inner = 17;
    repeated Inner list = 18;
    repeated int32 packed = 19;
    repeated int32 loose = 20 [packed = false];
    map<string, int32> counts = 21;
    oneof pick { string left = 22; Inner right = 23; }
    optional int32 maybe = 24;
    google.protobuf.Timestamp at = 25;
    reserved 100 to 200;
  }
  service Things {
    rpc Get (Outer) returns (stream Outer.Inner) {
      option (google.api.http) = { get: "/v1/{name=x/*}" additional_bindings { post: "/v1" body: "*" } };
    }
  }
]]


describe("pb", function()
  local p = protoc.new()
  local file

  setup(function()
    assert(p:load(TEXT, "spec.proto"))
    file = p:parse(TEXT, "spec.proto")
  end)

  local function round(t)
    return pb.decode("spec.pb.Outer", pb.encode("spec.pb.Outer", t))
  end

  it("writes the documented bytes", function()
    protoc.new():load('syntax = "proto3"; message T { int32 a = 1; string b = 2; repeated int32 d = 4; T c = 3; }')
    assert.equal("08 96 01", pb.tohex(pb.encode("T", { a = 150 })))
    assert.equal("12 07 74 65 73 74 69 6E 67", pb.tohex(pb.encode("T", { b = "testing" })))
    assert.equal("1A 03 08 96 01", pb.tohex(pb.encode("T", { c = { a = 150 } })))
    assert.equal("22 06 03 8E 02 9E A7 05", pb.tohex(pb.encode("T", { d = { 3, 270, 86942 } })))
    assert.equal("08 FF FF FF FF FF FF FF FF FF 01", pb.tohex(pb.encode("T", { a = -1 })))
  end)

  it("gives back every kind of value", function()
    local t = { d = 1.5, f = -0.25, i64 = -2 ^ 40, u64 = 2 ^ 50, i32 = -7, f64 = 2 ^ 40, f32 = 4294967295, b = true, s = "text",
                raw = "\0\255", u32 = 4294967295, color = "BLUE", sf32 = -5, sf64 = -2 ^ 40, s32 = -2147483648, s64 = -2 ^ 45,
                inner = { name = "x", n = 1 }, list = { { name = "a", n = 0 }, { name = "", n = 2 } }, packed = { 1, -1, 300 },
                loose = { 5, 6 }, counts = { a = 1, b = 0 }, left = "l", pick = "left", maybe = 0, at = { seconds = 5, nanos = 6 } }
    assert.same(t, round(t))
  end)

  it("leaves defaults out and puts them back", function()
    assert.equal("", pb.encode("spec.pb.Outer", { i32 = 0, s = "", b = false, color = "RED" }))
    local t = round({})
    assert.equal(0, t.i32)
    assert.equal("", t.s)
    assert.is_false(t.b)
    assert.equal("RED", t.color)
    assert.same({}, t.list)
    assert.is_nil(t.inner)
    assert.is_nil(t.maybe)
    assert.is_nil(t.left)
  end)

  it("reads packed and loose numbers alike, and skips fields it does not know", function()
    protoc.new():load('syntax = "proto3"; package w; message Old { repeated int32 loose = 19; } message Small { string s = 9; }')
    local bytes = pb.encode("spec.pb.Outer", { packed = { 1, 2, 3 }, s = "kept", inner = { name = "skipped" } })
    assert.same({ 1, 2, 3 }, pb.decode("w.Old", bytes).loose)
    assert.same({ s = "kept" }, pb.decode("w.Small", bytes))
  end)

  it("answers broken bytes with an error", function()
    assert.is_nil((pb.decode("spec.pb.Outer", "\10")))
    assert.is_nil((pb.decode("spec.pb.Outer", "\74\5ab")))
    assert.has_error(function() pb.encode("spec.pb.Outer", { inner = 5 }) end)
    assert.has_error(function() pb.encode("no.such.Type", {}) end)
    math.randomseed(11)
    for _ = 1, 500 do
      local bytes = {}
      for i = 1, math.random(1, 30) do
        bytes[i] = string.char(math.random(0, 255))
      end
      pb.decode("spec.pb.Outer", table.concat(bytes))
    end
  end)

  it("parses services with their options", function()
    local method = file.service[1].method[1]
    assert.equal(".spec.pb.Outer", method.input_type)
    assert.equal(".spec.pb.Outer.Inner", method.output_type)
    assert.is_true(method.server_streaming)
    local http = method.options["google.api.http"]
    assert.equal("/v1/{name=x/*}", http.get)
    assert.same({ post = "/v1", body = "*" }, http.additional_bindings)
  end)

  it("names the line of a mistake", function()
    local ok, err = protoc.new():load('syntax = "proto3";\nmessage M {\n  string = 1;\n}', "bad.proto")
    assert.is_nil(ok)
    assert.matches("^bad.proto:3: ", err)
    ok, err = protoc.new():load('syntax = "proto3"; message M { Missing x = 1; }', "bad.proto")
    assert.is_nil(ok)
    assert.matches("type not found 'Missing'", err)
  end)

  it("tells about types", function()
    assert.same({ ".spec.pb.Outer.Color", "Color", "enum" }, { pb.type("spec.pb.Outer.Color") })
    assert.equal(5, pb.enum("spec.pb.Outer.Color", "BLUE"))
    assert.equal("BLUE", pb.enum("spec.pb.Outer.Color", 5))
    assert.is_nil(pb.type("nothing"))
  end)
end)


describe("lua_pack", function()
  local pack = require "lua_pack"

  it("writes and reads numbers in both orders", function()
    assert.equal("\1\0\0\0\5", pack.pack(">bI", 1, 5))
    assert.equal("\1\5\0\0\0", pack.pack("<bI", 1, 5))
    assert.same({ 6, 1, 5 }, { pack.unpack("\1\0\0\0\5", ">bI") })
    assert.same({ 3, 258 }, { pack.unpack("\1\2\3", ">H") })
  end)

  it("stops where the text ends", function()
    assert.same({ 2, 1 }, { pack.unpack("\1\2", "bI") })
  end)

  it("has texts of all kinds", function()
    local bytes = pack.pack("<zpA", "zero", "short", "raw")
    assert.same({ 15, "zero", "short", "raw" }, { pack.unpack(bytes, "<zpA3") })
  end)
end)
