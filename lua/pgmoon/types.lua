-- How values of Postgres become Lua values and the other way: types by their oid, rows by the description that precedes them.
-- Everything is in text format. Used by pgmoon only; connections copy the tables before they change them.
local wire = require "pgmoon.wire"

local char = string.char
local find = string.find
local floor = math.floor
local format = string.format
local getmetatable = getmetatable
local gsub = string.gsub
local null = ngx.null
local read_int = wire.read_int
local read_short = wire.read_short
local sub = string.sub
local tonumber = tonumber
local tostring = tostring
local type = type

local Types = {}

--- Name of a type by oid; others are "string".
Types.names = {
  [16] = "boolean", [17] = "bytea", [114] = "json", [3802] = "json",
  -- int8 int2 int4 float4 float8 numeric, and their arrays
  [20] = "number", [21] = "number", [23] = "number", [700] = "number", [701] = "number", [1700] = "number",
  [1016] = "array_number", [1005] = "array_number", [1007] = "array_number", [1021] = "array_number", [1022] = "array_number",
  [1231] = "array_number",
  -- arrays of text varchar char bpchar uuid
  [1009] = "array_string", [1015] = "array_string", [1002] = "array_string", [1014] = "array_string", [2951] = "array_string",
  [1000] = "array_boolean", [1041] = "array_inet", [199] = "array_json", [3807] = "array_json",
}


local function is_true(text)
  return text == "t"
end


-- A decoder of arrays whose items are converted by the function that `converter` returns.
local function array_of(converter)
  return function(pg, value)
    return require("pgmoon.arrays").decode_array(value, converter and converter(), pg)
  end
end


local array_of_strings = array_of()

--- function(pg, text, type name) by type name.
Types.deserializers = {
  json = function(_, value)
    return require("pgmoon.json").decode_json(value)
  end,
  bytea = function(_, value)
    return Types.decode_bytea(value)
  end,
  hstore = function(_, value)
    return require("pgmoon.hstore").decode_hstore(value)
  end,
  array_string = array_of_strings,
  array_inet = array_of_strings,
  array_boolean = array_of(function() return is_true end),
  array_number = array_of(function() return tonumber end),
  array_json = array_of(function() return require("pgmoon.json").decode_json end),
}


--- Digits of a number, without loss.
function Types.number_text(n)
  if n == floor(n) and n > -2 ^ 53 and n < 2 ^ 53 then
    return format("%.0f", n)
  end
  local text = tostring(n)
  return tonumber(text) == n and text or format("%.17g", n)
end


--- function(pg, value) by Lua type: oid and text, or nil, err.
Types.serializers = {
  string = function(_, value)
    return 25, value
  end,
  boolean = function(_, value)
    return 16, value and "t" or "f"
  end,
  number = function(_, value)
    return 1700, Types.number_text(value)
  end,
  cdata = function(_, value)
    local digits = tostring(value):match("^(%-?%d+)U?LL$")
    if not digits then
      return nil, "failed to serialize type: cdata"
    end
    return 1700, digits
  end,
  table = function(pg, value)
    local mt = getmetatable(value)
    if mt and mt.pgmoon_serialize then
      return mt.pgmoon_serialize(value, pg)
    end
    return nil, "table does not implement pgmoon_serialize, can't serialize"
  end,
}


--- Oid and text of the parameter at this index (text nil for NULL); nil, err when it cannot be sent.
function Types.serialize(pg, index, value)
  if value == nil or value == pg.NULL or value == null then
    return 0
  end
  local fn = pg.type_serializers[type(value)]
  if not fn then
    return nil, "pgmoon: param " .. index .. ": failed to serialize type: " .. type(value)
  end
  local oid, text, more = fn(pg, value)
  if oid == nil then
    return nil, "pgmoon: param " .. index .. ": " .. (text or "failed to serialize type: " .. type(value))
  elseif more ~= nil then
    return nil, "pgmoon: param " .. index .. ": please do not return a third value from serializer function"
  end
  return oid, text
end


local function hex_byte(hex)
  return char(tonumber(hex, 16))
end


local function octal_byte(octal)
  return char(tonumber(octal, 8))
end


--- Bytes of a bytea in its hex or its older format.
function Types.decode_bytea(text)
  if sub(text, 1, 2) == "\\x" then
    return (gsub(sub(text, 3), "(%x%x)", hex_byte))
  end
  return (gsub(gsub(text, "\\\\", "\\134"), "\\(%d%d%d)", octal_byte))
end


--- A literal of bytes for a query.
function Types.encode_bytea(text)
  return "E'\\\\x" .. gsub(text, ".", function(c) return format("%02x", c:byte()) end) .. "'"
end


--- The columns of a RowDescription: a list of { name, type name }.
function Types.parse_row_desc(pg, body)
  local fields, at = {}, 3
  for i = 1, read_short(body, 1) do
    local stop = find(body, "\0", at, true)
    local oid = read_int(body, stop + 7)
    assert(read_short(body, stop + 17) == 0, "don't know how to handle format")
    fields[i] = { sub(body, at, stop - 1), pg.PG_TYPES[oid] or "string" }
    at = stop + 19
  end
  return fields
end


--- The row of a DataRow: column name -> value.
function Types.parse_data_row(pg, body, fields)
  local row, at = {}, 3
  for i = 1, read_short(body, 1) do
    local name, kind = fields[i][1], fields[i][2]
    local len = read_int(body, at)
    at = at + 4
    if len < 0 then
      row[name] = pg.convert_null and pg.NULL or nil
    else
      local value = sub(body, at, at + len - 1)
      at = at + len
      if kind == "number" then
        row[name] = tonumber(value)
      elseif kind == "boolean" then
        row[name] = value == "t"
      else
        local fn = kind ~= "string" and pg.type_deserializers[kind]
        if fn then
          value = fn(pg, value, kind)
        end
        row[name] = value
      end
    end
  end
  return row
end


return Types
