-- The protobuf wire format to Lua tables.
local ffi = require "ffi"
local bit = require "bit"
local registry = require "pb.registry"

local band, bor, rshift, lshift, bxor = bit.band, bit.bor, bit.rshift, bit.lshift, bit.bxor
local ffi_string = ffi.string
local tonumber = tonumber
local format = string.format

local int64 = ffi.typeof("int64_t")
local uint64 = ffi.typeof("uint64_t")
local bytes_t = ffi.typeof("const uint8_t *")
local box = ffi.new("union { double d; float f; uint32_t u; int32_t i; uint64_t ul; int64_t l; uint8_t b[8]; }")

local LENGTH = 2
local ENUM, MESSAGE = 14, 11
local EXACT = 2 ^ 53

local Decode = {
  enum_as_value = false,
  int64_as_string = false,
  defaults = "auto", -- "auto": proto3 only; "all"; "none"
  hooks = {},
  default_array = true,
}


local function truncated()
  error("invalid bytes: unexpected end", 0)
end


-- value, next position. Small values are numbers, others uint64_t.
local function varint(p, at, to)
  local low, shift = 0, 0
  while shift < 28 do
    if at >= to then
      truncated()
    end
    local b = p[at]
    at = at + 1
    low = bor(low, lshift(band(b, 127), shift))
    if b < 128 then
      return low, at
    end
    shift = shift + 7
  end
  local v = ffi.cast(uint64, low)
  while shift < 70 do
    if at >= to then
      truncated()
    end
    local b = p[at]
    at = at + 1
    v = bor(v, lshift(ffi.cast(uint64, band(b, 127)), shift))
    if b < 128 then
      return v, at
    end
    shift = shift + 7
  end
  error("invalid bytes: a number of more than ten bytes", 0)
end


-- A 64-bit value as the options want it.
local function large(v)
  local n = tonumber(v)
  if n > EXACT or n < -EXACT then
    if Decode.int64_as_string then
      return "#" .. tostring(v):gsub("U?LL$", "")
    end
  end
  return n
end


local function signed(v)
  if type(v) == "number" then
    return v
  end
  return large(ffi.cast(int64, v))
end


local function fixed(p, at, to, size)
  if at + size > to then
    truncated()
  end
  for i = 0, size - 1 do
    box.b[i] = p[at + i]
  end
  return at + size
end


local function int32(v)
  if type(v) == "number" then
    return v
  end
  return tonumber(ffi.cast("int32_t", v))
end


local message

local function length_of(p, at, to)
  local n
  n, at = varint(p, at, to)
  n = tonumber(n)
  if at + n > to then
    truncated()
  end
  return n, at
end


local function read_bytes(_, p, at, to)
  local n
  n, at = length_of(p, at, to)
  return ffi_string(p + at, n), at + n
end


local function read_signed(_, p, at, to)
  local v
  v, at = varint(p, at, to)
  return signed(v), at
end


local READERS = {
  function(_, p, at, to)
    at = fixed(p, at, to, 8)
    return box.d, at
  end,
  function(_, p, at, to)
    at = fixed(p, at, to, 4)
    return box.f, at
  end,
  read_signed,
  function(_, p, at, to)
    local v
    v, at = varint(p, at, to)
    return type(v) == "number" and v or large(v), at
  end,
  function(_, p, at, to)
    local v
    v, at = varint(p, at, to)
    return int32(v), at
  end,
  function(_, p, at, to)
    at = fixed(p, at, to, 8)
    return large(box.ul), at
  end,
  function(_, p, at, to)
    at = fixed(p, at, to, 4)
    return tonumber(box.u), at
  end,
  function(_, p, at, to)
    local v
    v, at = varint(p, at, to)
    return v ~= 0, at
  end,
  read_bytes,
  function()
    error("groups are not supported", 0)
  end,
  function(field, p, at, to)
    local n
    n, at = length_of(p, at, to)
    return message(registry.type_of(field), p, at, at + n), at + n
  end,
  read_bytes,
  function(_, p, at, to)
    local v
    v, at = varint(p, at, to)
    return tonumber(band(v, 0xffffffffULL)), at
  end,
  function(field, p, at, to)
    local v
    v, at = varint(p, at, to)
    v = int32(v)
    if not Decode.enum_as_value then
      v = registry.type_of(field).by_number[v] or v
    end
    return v, at
  end,
  function(_, p, at, to)
    at = fixed(p, at, to, 4)
    return tonumber(box.i), at
  end,
  function(_, p, at, to)
    at = fixed(p, at, to, 8)
    return large(box.l), at
  end,
  function(_, p, at, to)
    local v
    v, at = varint(p, at, to)
    v = ffi.cast(uint64, v)
    return tonumber(ffi.cast(int64, bxor(rshift(v, 1), -ffi.cast(int64, band(v, 1))))), at
  end,
  function(_, p, at, to)
    local v
    v, at = varint(p, at, to)
    v = ffi.cast(uint64, v)
    return large(ffi.cast(int64, bxor(rshift(v, 1), -ffi.cast(int64, band(v, 1))))), at
  end,
}


local function skip(wire, p, at, to)
  local n
  if wire == 0 then
    local _
    _, at = varint(p, at, to)
  elseif wire == 1 then
    at = at + 8
  elseif wire == LENGTH then
    n, at = length_of(p, at, to)
    at = at + n
  elseif wire == 5 then
    at = at + 4
  else
    error(format("invalid bytes: wire type %d", wire), 0)
  end
  if at > to then
    truncated()
  end
  return at
end


local ZERO = { 0, 0, 0, 0, 0, 0, 0, false, "", nil, nil, "", 0, nil, 0, 0, 0, 0 }

local function default_of(field)
  if field.default ~= nil then
    return field.default
  elseif field.kind == ENUM then
    local enum = registry.type_of(field)
    if Decode.enum_as_value then
      return enum.by_name[enum.first] or 0
    end
    return enum.first
  end
  return ZERO[field.kind]
end


local function with_defaults(kind)
  return Decode.defaults == "all" or Decode.defaults == "auto" and kind.is_proto3
end


local function fill_defaults(kind, t)
  for i = 1, #kind.fields do
    local field = kind.fields[i]
    if t[field.name] == nil then
      if field.is_repeated then
        if Decode.default_array then
          t[field.name] = {}
        end
      elseif not field.has_presence and field.kind ~= MESSAGE then
        t[field.name] = default_of(field)
      end
    end
  end
end


local function read_list(field, list, wire, p, at, to)
  local reader = READERS[field.kind]
  if wire ~= LENGTH or not field.is_packable then
    list[#list + 1], at = reader(field, p, at, to)
    return at
  end
  local n
  n, at = length_of(p, at, to)
  local till = at + n
  while at < till do
    list[#list + 1], at = reader(field, p, at, till)
  end
  return at
end


local function read_entry(field, entry, map, p, at, to)
  local pair
  pair, at = READERS[MESSAGE](field, p, at, to)
  local key, value = pair.key, pair.value
  if key == nil then
    key = default_of(entry.by_name.key)
  end
  if value == nil then
    value = entry.by_name.value.kind == MESSAGE and {} or default_of(entry.by_name.value)
  end
  map[key] = value
  return at
end


local function read_field(kind, field, t, wire, p, at, to)
  if field.is_repeated then
    local list = t[field.name]
    if not list then
      list = {}
      t[field.name] = list
    end
    local entry = field.kind == MESSAGE and registry.type_of(field)
    if entry and entry.kind == "map" then
      return read_entry(field, entry, list, p, at, to)
    end
    return read_list(field, list, wire, p, at, to)
  end
  if field.oneof then
    for i = 1, #kind.fields do
      local other = kind.fields[i]
      if other.oneof == field.oneof and other ~= field then
        t[other.name] = nil
      end
    end
    t[field.oneof] = field.name
  end
  t[field.name], at = READERS[field.kind](field, p, at, to)
  return at
end


function message(kind, p, at, to, t)
  t = t or {}
  while at < to do
    local tag
    tag, at = varint(p, at, to)
    tag = tonumber(tag)
    local field, wire = kind.by_number[rshift(tag, 3)], band(tag, 7)
    if field then
      at = read_field(kind, field, t, wire, p, at, to)
    else
      at = skip(wire, p, at, to)
    end
  end
  if with_defaults(kind) and kind.kind ~= "map" then
    fill_defaults(kind, t)
  end
  local hook = Decode.hooks[kind.name]
  if hook then
    t = hook(t) or t
  end
  return t
end


function Decode.message(kind, text, t)
  return message(kind, ffi.cast(bytes_t, text), 0, #text, t)
end


function Decode.defaults_of(kind)
  local t = {}
  fill_defaults(kind, t)
  return t
end


return Decode
