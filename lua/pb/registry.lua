-- The message and enumeration types that pb knows, by their full names (".package.Name"), made from file descriptors.
local ipairs = ipairs
local pairs = pairs
local type = type

local Registry = { types = {} }

local TYPES = {
  TYPE_DOUBLE = 1, TYPE_FLOAT = 2, TYPE_INT64 = 3, TYPE_UINT64 = 4, TYPE_INT32 = 5, TYPE_FIXED64 = 6, TYPE_FIXED32 = 7, TYPE_BOOL = 8,
  TYPE_STRING = 9, TYPE_GROUP = 10, TYPE_MESSAGE = 11, TYPE_BYTES = 12, TYPE_UINT32 = 13, TYPE_ENUM = 14, TYPE_SFIXED32 = 15,
  TYPE_SFIXED64 = 16, TYPE_SINT32 = 17, TYPE_SINT64 = 18,
}
local LABELS = { LABEL_OPTIONAL = 1, LABEL_REQUIRED = 2, LABEL_REPEATED = 3 }

local TYPE_NAMES = {}
for name, id in pairs(TYPES) do
  TYPE_NAMES[id] = name:sub(6):lower()
end

local REPEATED = 3
local STRING, GROUP, MESSAGE, BYTES, ENUM, BOOL = 9, 10, 11, 12, 14, 8

Registry.TYPE_NAMES = TYPE_NAMES


-- "Name" or ".pkg.Name" -> the type, or nil.
function Registry.find(name)
  local types = Registry.types
  return types[name] or types["." .. name]
end


local function is_packable(kind)
  return kind ~= STRING and kind ~= GROUP and kind ~= MESSAGE and kind ~= BYTES
end


local function default_of(kind, text)
  if text == nil then
    return nil
  elseif kind == BOOL then
    return text == "true" or text == true
  elseif kind == STRING or kind == BYTES or kind == ENUM then
    return text
  end
  return tonumber(text)
end


local function add_field(message, desc, oneofs)
  local kind = TYPES[desc.type] or desc.type
  local label = LABELS[desc.label] or desc.label or 1
  local packed = desc.options and desc.options.packed
  if packed == nil then
    packed = message.is_proto3
  end
  local field = {
    name = desc.name,
    number = desc.number,
    kind = kind,
    type_name = desc.type_name,
    is_repeated = label == REPEATED,
    is_packed = label == REPEATED and packed and is_packable(kind) or false,
    is_packable = is_packable(kind),
    default = default_of(kind, desc.default_value),
  }
  if desc.oneof_index then
    if desc.proto3_optional then
      field.has_presence = true
    else
      field.oneof = oneofs and oneofs[desc.oneof_index + 1] and oneofs[desc.oneof_index + 1].name
      field.has_presence = true
    end
  end
  message.by_name[field.name] = field
  message.by_number[field.number] = field
  message.fields[#message.fields + 1] = field
end


local add_enum


local function add_message(prefix, desc, is_proto3)
  local name = prefix .. "." .. desc.name
  local message = {
    name = name,
    basename = desc.name,
    kind = desc.options and desc.options.map_entry and "map" or "message",
    is_proto3 = is_proto3,
    by_name = {},
    by_number = {},
    fields = {},
  }
  Registry.types[name] = message
  for _, field in ipairs(desc.field or {}) do
    add_field(message, field, desc.oneof_decl)
  end
  for _, nested in ipairs(desc.nested_type or {}) do
    add_message(name, nested, is_proto3)
  end
  for _, enum in ipairs(desc.enum_type or {}) do
    add_enum(name, enum)
  end
end


function add_enum(prefix, desc)
  local enum = { name = prefix .. "." .. desc.name, basename = desc.name, kind = "enum", by_name = {}, by_number = {} }
  for i, value in ipairs(desc.value or {}) do
    local number = value.number or 0
    enum.by_name[value.name] = number
    enum.by_number[number] = enum.by_number[number] or value.name
    if i == 1 then
      enum.first = value.name
    end
  end
  Registry.types[enum.name] = enum
end


-- Adds what a FileDescriptorProto, as a table, describes.
function Registry.add_file(file)
  local prefix = file.package and file.package ~= "" and "." .. file.package or ""
  local is_proto3 = file.syntax == "proto3"
  for _, message in ipairs(file.message_type or {}) do
    add_message(prefix, message, is_proto3)
  end
  for _, enum in ipairs(file.enum_type or {}) do
    add_enum(prefix, enum)
  end
end


-- The type that a field of kind message or enum has.
function Registry.type_of(field)
  local found = field.resolved
  if not found then
    found = Registry.find(field.type_name)
    if not found then
      error("type '" .. tostring(field.type_name) .. "' does not exist", 0)
    end
    field.resolved = found
  end
  return found
end


-- Forgets one type, or all but those of descriptors.
function Registry.clear(name)
  if type(name) == "string" then
    local found = Registry.find(name)
    if found then
      Registry.types[found.name] = nil
    end
    return
  end
  Registry.types = {}
end


return Registry
