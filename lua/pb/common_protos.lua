-- The common files that .proto files import, by name: their messages in our own short form, without comments.
local HEAD = 'syntax = "proto3"; package google.protobuf; '

local function wrapper(name, kind)
  return "message " .. name .. "Value { " .. kind .. " value = 1; } "
end


return {
  ["google/protobuf/any.proto"] = HEAD .. "message Any { string type_url = 1; bytes value = 2; }",
  ["google/protobuf/empty.proto"] = HEAD .. "message Empty {}",
  ["google/protobuf/timestamp.proto"] = HEAD .. "message Timestamp { int64 seconds = 1; int32 nanos = 2; }",
  ["google/protobuf/duration.proto"] = HEAD .. "message Duration { int64 seconds = 1; int32 nanos = 2; }",
  ["google/protobuf/field_mask.proto"] = HEAD .. "message FieldMask { repeated string paths = 1; }",
  ["google/protobuf/struct.proto"] = HEAD .. [[
    message Struct { map<string, Value> fields = 1; }
    message Value {
      oneof kind { NullValue null_value = 1; double number_value = 2; string string_value = 3; bool bool_value = 4;
                   Struct struct_value = 5; ListValue list_value = 6; }
    }
    enum NullValue { NULL_VALUE = 0; }
    message ListValue { repeated Value values = 1; }]],
  ["google/protobuf/wrappers.proto"] = HEAD .. wrapper("Double", "double") .. wrapper("Float", "float") .. wrapper("Int64", "int64")
    .. wrapper("UInt64", "uint64") .. wrapper("Int32", "int32") .. wrapper("UInt32", "uint32") .. wrapper("Bool", "bool")
    .. wrapper("String", "string") .. wrapper("Bytes", "bytes"),
  -- What annotations add to other descriptors is read from the options themselves.
  ["google/protobuf/descriptor.proto"] = 'syntax = "proto2"; package google.protobuf;',
  ["google/api/annotations.proto"] = 'syntax = "proto3"; package google.api;',
  ["google/api/http.proto"] = 'syntax = "proto3"; package google.api;',
  ["google/api/httpbody.proto"] = 'syntax = "proto3"; package google.api; import "google/protobuf/any.proto"; '
    .. "message HttpBody { string content_type = 1; bytes data = 2; repeated google.protobuf.Any extensions = 3; }",
}
