-- Lua tables to the protobuf wire format.
local buffer = require "string.buffer"
local ffi = require "ffi"
local bit = require "bit"
local registry = require "pb.registry"

local band, bor, rshift, lshift, bxor, arshift = bit.band, bit.bor, bit.rshift, bit.lshift, bit.bxor, bit.arshift
local char = string.char
local ffi_string = ffi.string
local tonumber = tonumber
local type = type

local int64 = ffi.typeof("int64_t")
local uint64 = ffi.typeof("uint64_t")
local double_box = ffi.new("double[1]")
local float_box = ffi.new("float[1]")
local u32_box = ffi.new("uint32_t[1]")
local u64_box = ffi.new("uint64_t[1]")

local VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
local WIRE = { FIXED64, FIXED32, VARINT, VARINT, VARINT, FIXED64, FIXED32, VARINT, LENGTH, 3, LENGTH, LENGTH, VARINT, VARINT, FIXED32,
               FIXED64, VARINT, VARINT }
local MESSAGE, ENUM = 11, 14

local Encode = {
  encode_defaults = false,
  hooks = {},
}


local function put_varint64(out, v)
  while v > 127 do
    out:put(char(bor(tonumber(band(v, 127)), 128)))
    v = rshift(v, 7)
  end
  out:put(char(tonumber(v)))
end


local function put_varint(out, v)
  if type(v) == "number" and v >= 0 and v < 2 ^ 31 then
    while v > 127 do
      out:put(char(bor(band(v, 127), 128)))
      v = rshift(v, 7)
    end
    out:put(char(v))
    return
  end
  put_varint64(out, ffi.cast(uint64, ffi.cast(int64, v)))
end


local function fail(field, expected, v)
  error(expected .. " expected for field '" .. field.name .. "', got " .. type(v), 0)
end


-- Integers may come as numbers, as text ("123", "#123", "0x7b"), or as 64-bit cdata.
local function integer(field, v)
  local kind = type(v)
  if kind == "number" or kind == "cdata" then
    return v
  elseif kind == "string" then
    local sign, digits = v:match("^#?([+-]?)(.+)$")
    local hex = digits and digits:match("^0[xX](%x+)$")
    local n
    if hex and #hex > 12 then
      n = loadstring("return 0x" .. hex .. "ULL")()
    elseif digits and digits:match("^%d+$") and #digits > 15 then
      n = loadstring("return " .. digits .. "ULL")()
    else
      n = tonumber(digits)
    end
    if n then
      if type(n) == "cdata" then
        n = ffi.cast(int64, n)
      end
      return sign == "-" and -n or n
    end
  end
  fail(field, "number/'#number'", v)
end


local function number(field, v)
  return tonumber(v) or fail(field, "number", v)
end


local function put_fixed(out, box, size, v)
  box[0] = v
  out:put(ffi_string(box, size))
end


local function put_int(out, field, v)
  put_varint(out, integer(field, v))
end


local function put_fixed32(out, field, v)
  u32_box[0] = ffi.cast("uint32_t", ffi.cast(int64, integer(field, v)))
  out:put(ffi_string(u32_box, 4))
end


local function put_fixed64(out, field, v)
  u64_box[0] = ffi.cast(uint64, ffi.cast(int64, integer(field, v)))
  out:put(ffi_string(u64_box, 8))
end


local function put_bytes(out, field, v)
  if type(v) ~= "string" then
    if type(v) ~= "number" then
      fail(field, "string", v)
    end
    v = tostring(v)
  end
  put_varint(out, #v)
  out:put(v)
end


local function put_enum(out, field, v)
  if type(v) == "string" then
    local enum = registry.type_of(field)
    local n = enum.by_name[v] or tonumber(v)
    if not n then
      error("invalid enum value '" .. v .. "' for field '" .. field.name .. "'", 0)
    end
    v = n
  end
  put_varint(out, integer(field, v))
end


local message

local function put_message(out, field, v)
  if type(v) ~= "table" then
    local hook = Encode.hooks[registry.type_of(field).name]
    if not hook then
      fail(field, "table", v)
    end
  end
  local inner = buffer.new()
  message(inner, registry.type_of(field), v)
  put_varint(out, #inner)
  out:put(inner:tostring())
end


local WRITERS = {
  function(out, field, v)
    put_fixed(out, double_box, 8, number(field, v))
  end,
  function(out, field, v)
    put_fixed(out, float_box, 4, number(field, v))
  end,
  put_int, put_int, put_int, put_fixed64, put_fixed32,
  function(out, _, v)
    out:put(v and v ~= 0 and "\1" or "\0")
  end,
  put_bytes,
  function(_, field)
    error("groups are not supported: field '" .. field.name .. "'", 0)
  end,
  put_message, put_bytes,
  put_int, put_enum, put_fixed32, put_fixed64,
  function(out, field, v)
    local n = tonumber(integer(field, v))
    put_varint(out, n >= 0 and n * 2 or -n * 2 - 1)
  end,
  function(out, field, v)
    local n = ffi.cast(int64, integer(field, v))
    put_varint64(out, ffi.cast(uint64, bxor(lshift(n, 1), arshift(n, 63))))
  end,
}


local function is_default(field, v)
  if field.kind == ENUM then
    return v == 0 or v == registry.type_of(field).first and registry.type_of(field).by_name[v] == 0
  end
  return v == 0 or v == "" or v == false
end


local function put_tag(out, field, wire)
  put_varint(out, field.number * 8 + wire)
end


local function put_list(out, field, list)
  if type(list) ~= "table" then
    fail(field, "table", list)
  end
  local writer = WRITERS[field.kind]
  if field.is_packed then
    if #list == 0 then
      return
    end
    local inner = buffer.new()
    for i = 1, #list do
      writer(inner, field, list[i])
    end
    put_tag(out, field, LENGTH)
    put_varint(out, #inner)
    out:put(inner:tostring())
    return
  end
  for i = 1, #list do
    put_tag(out, field, WIRE[field.kind])
    writer(out, field, list[i])
  end
end


local function put_map(out, field, entry, map)
  if type(map) ~= "table" then
    fail(field, "table", map)
  end
  for key, value in pairs(map) do
    local inner = buffer.new()
    local key_field, value_field = entry.by_name.key, entry.by_name.value
    put_tag(inner, key_field, WIRE[key_field.kind])
    WRITERS[key_field.kind](inner, key_field, key)
    put_tag(inner, value_field, WIRE[value_field.kind])
    WRITERS[value_field.kind](inner, value_field, value)
    put_tag(out, field, LENGTH)
    put_varint(out, #inner)
    out:put(inner:tostring())
  end
end


function message(out, kind, t)
  local hook = Encode.hooks[kind.name]
  if hook then
    t = hook(t) or t
  end
  local fields = kind.fields
  for i = 1, #fields do
    local field = fields[i]
    local v = t[field.name]
    if v ~= nil and v ~= ngx.null then
      if not field.is_repeated then
        if not kind.is_proto3 or field.has_presence or Encode.encode_defaults or field.kind == MESSAGE or not is_default(field, v) then
          put_tag(out, field, WIRE[field.kind])
          WRITERS[field.kind](out, field, v)
        end
      elseif field.kind == MESSAGE and registry.type_of(field).kind == "map" then
        put_map(out, field, registry.type_of(field), v)
      else
        put_list(out, field, v)
      end
    end
  end
end


-- The bytes of table `t` as a message of that type.
function Encode.message(kind, t)
  local out = buffer.new()
  message(out, kind, t)
  return out:tostring()
end


return Encode
