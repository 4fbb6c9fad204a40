-- require "pb": protobuf messages to and from Lua tables, with the interface of lua-protobuf that gateways' plugins use.
-- Types come from descriptors (load) or from .proto texts (require "protoc").
local registry = require "pb.registry"
local encoder = require "pb.encode"
local decoder = require "pb.decode"

local error = error
local io_open = io.open
local pairs = pairs
local pcall = pcall
local select = select
local type = type

local Pb = { _VERSION = "0.5.1" }

local OPTIONS = {
  enum_as_name = function() decoder.enum_as_value = false end,
  enum_as_value = function() decoder.enum_as_value = true end,
  int64_as_number = function() decoder.int64_as_string = false end,
  int64_as_string = function() decoder.int64_as_string = true end,
  int64_as_hexstring = function() decoder.int64_as_string = true end,
  auto_default_values = function() decoder.defaults = "auto" end,
  no_default_values = function() decoder.defaults = "none" end,
  use_default_values = function() decoder.defaults = "all" end,
  use_default_metatable = function() decoder.defaults = "all" end,
  decode_default_array = function() decoder.default_array = true end,
  no_decode_default_array = function() decoder.default_array = false end,
  encode_default_values = function() encoder.encode_defaults = true end,
  no_encode_default_values = function() encoder.encode_defaults = false end,
  enable_hooks = function() Pb.hooks_on = true end,
  disable_hooks = function() Pb.hooks_on = false end,
  enable_enchooks = function() Pb.encode_hooks_on = true end,
  disable_enchooks = function() Pb.encode_hooks_on = false end,
}

-- Just enough of descriptor.proto to read descriptors with.
local function bootstrap()
  local function field(name, number, kind, label, type_name)
    return { name = name, number = number, type = kind, label = label or 1, type_name = type_name }
  end
  local function list(name, number, type_name)
    return field(name, number, "TYPE_MESSAGE", 3, type_name)
  end
  local g = ".google.protobuf."
  registry.add_file({
    package = "google.protobuf",
    syntax = "proto2",
    message_type = {
      { name = "FileDescriptorSet", field = { list("file", 1, g .. "FileDescriptorProto") } },
      { name = "FileDescriptorProto", field = {
        field("name", 1, "TYPE_STRING"), field("package", 2, "TYPE_STRING"), list("message_type", 4, g .. "DescriptorProto"),
        list("enum_type", 5, g .. "EnumDescriptorProto"), field("syntax", 12, "TYPE_STRING"),
      } },
      { name = "DescriptorProto", field = {
        field("name", 1, "TYPE_STRING"), list("field", 2, g .. "FieldDescriptorProto"), list("nested_type", 3, g .. "DescriptorProto"),
        list("enum_type", 4, g .. "EnumDescriptorProto"), field("options", 7, "TYPE_MESSAGE", 1, g .. "MessageOptions"),
        list("oneof_decl", 8, g .. "OneofDescriptorProto"),
      } },
      { name = "FieldDescriptorProto", field = {
        field("name", 1, "TYPE_STRING"), field("number", 3, "TYPE_INT32"), field("label", 4, "TYPE_INT32"), field("type", 5, "TYPE_INT32"),
        field("type_name", 6, "TYPE_STRING"), field("default_value", 7, "TYPE_STRING"),
        field("options", 8, "TYPE_MESSAGE", 1, g .. "FieldOptions"), field("oneof_index", 9, "TYPE_INT32"),
        field("proto3_optional", 17, "TYPE_BOOL"),
      } },
      { name = "OneofDescriptorProto", field = { field("name", 1, "TYPE_STRING") } },
      { name = "EnumDescriptorProto", field = {
        field("name", 1, "TYPE_STRING"), list("value", 2, g .. "EnumValueDescriptorProto"),
      } },
      { name = "EnumValueDescriptorProto", field = { field("name", 1, "TYPE_STRING"), field("number", 2, "TYPE_INT32") } },
      { name = "MessageOptions", field = { field("map_entry", 7, "TYPE_BOOL") } },
      { name = "FieldOptions", field = { field("packed", 2, "TYPE_BOOL") } },
    },
  })
end


local function known(name)
  local found = registry.find(name)
  if not found then
    error("type '" .. tostring(name) .. "' does not exists", 3)
  end
  return found
end


-- Adds the types of an encoded FileDescriptorSet. true and the number of bytes read, or nil, err.
function Pb.load(bytes)
  if not registry.find("google.protobuf.FileDescriptorSet") then
    bootstrap()
  end
  local ok, set = pcall(decoder.message, registry.find("google.protobuf.FileDescriptorSet"), bytes)
  if not ok then
    return nil, set
  end
  for _, file in ipairs(set.file or {}) do
    registry.add_file(file)
  end
  return true, #bytes + 1
end


function Pb.loadfile(path)
  local file, err = io_open(path, "rb")
  if not file then
    return nil, err
  end
  local bytes = file:read("*a")
  file:close()
  return Pb.load(bytes)
end


function Pb.encode(name, t)
  local kind = known(name)
  if type(t) ~= "table" then
    error("bad argument #2 to 'encode' (table expected, got " .. type(t) .. ")", 2)
  end
  local ok, result = pcall(encoder.message, kind, t)
  if not ok then
    error("bad argument #2 to 'encode' (" .. tostring(result) .. ")", 2)
  end
  return result
end


-- nil, err when the bytes are no message of that type.
function Pb.decode(name, bytes, t)
  local kind = known(name)
  if type(bytes) ~= "string" then
    error("bad argument #2 to 'decode' (string expected, got " .. type(bytes) .. ")", 2)
  end
  local ok, result = pcall(decoder.message, kind, bytes, t)
  if not ok then
    return nil, result
  end
  return result
end


function Pb.option(name)
  local set = OPTIONS[name]
  if not set then
    error("bad argument #1 to 'option' (invalid option '" .. tostring(name) .. "')", 2)
  end
  set()
end


-- Name, last part and kind ("message", "enum", "map") of a type; nil when it is not known.
function Pb.type(name)
  local found = registry.find(name)
  if found then
    return found.name, found.basename, found.kind
  end
end


function Pb.types()
  local names, i = {}, 0
  for name in pairs(registry.types) do
    names[#names + 1] = name
  end
  table.sort(names)
  return function()
    i = i + 1
    if names[i] then
      return Pb.type(names[i])
    end
  end
end


local function describe(field)
  local kind = registry.TYPE_NAMES[field.kind]
  if field.type_name then
    kind = field.type_name
  end
  local label = field.is_repeated and (field.is_packed and "packed" or "repeated") or "optional"
  return field.name, field.number, kind, field.default, label, field.oneof
end


-- name, number, type, default, label, oneof of a field, or nil; `key` is its name or number.
function Pb.field(name, key)
  local found = registry.find(name)
  local field = found and found.by_name and (found.by_name[key] or found.by_number[key])
  if type(field) == "table" then
    return describe(field)
  end
end


function Pb.fields(name)
  local found, i = registry.find(name), 0
  return function()
    i = i + 1
    local field = found and found.fields and found.fields[i]
    if field then
      return describe(field)
    end
  end
end


-- The number of a name of an enumeration, or the name of a number.
function Pb.enum(name, key)
  local found = registry.find(name)
  if not found or found.kind ~= "enum" then
    return nil
  end
  return found.by_name[key] or found.by_number[key]
end


function Pb.defaults(name)
  return decoder.defaults_of(known(name))
end


-- Without a function (as opposed to with nil) nothing changes.
local function set_hook(hooks, name, ...)
  local full = known(name).name
  local before = hooks[full]
  if select("#", ...) > 0 then
    hooks[full] = (...)
  end
  return before
end


-- A function that gets every decoded message of that type and may return another value for it. Returns the one before.
function Pb.hook(name, ...)
  return set_hook(decoder.hooks, name, ...)
end


function Pb.encode_hook(name, ...)
  return set_hook(encoder.hooks, name, ...)
end


function Pb.clear(name)
  registry.clear(name)
end


-- There is one state; the call is accepted for programs that switch between several.
function Pb.state()
  return nil
end


function Pb.tohex(bytes)
  return (bytes:gsub(".", function(c)
    return ("%02X "):format(c:byte())
  end):gsub(" $", ""))
end


function Pb.fromhex(text)
  return (text:gsub("%s+", ""):gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end


return Pb
