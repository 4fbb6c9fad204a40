-- require "pgmoon.arrays": arrays of Postgres as Lua lists. Decoded arrays have the metatable of PostgresArray, which makes them
-- parameters of queries as well.
local concat = table.concat
local find = string.find
local getmetatable = getmetatable
local gsub = string.gsub
local setmetatable = setmetatable
local sub = string.sub
local type = type

local Arrays = {}

-- Oids of array types by the Lua type of their items.
local OIDS = { boolean = 1000, number = 1231, string = 1009 }

local base = {}

--- PostgresArray(list) makes the list a parameter of queries; it returns the same table.
Arrays.PostgresArray = setmetatable({ __base = base, __name = "PostgresArray" }, {
  __index = base,
  __call = function(_, list)
    return setmetatable(list, base)
  end,
})


local function quote(text)
  return '"' .. gsub(text, '[\\"]', "\\%0") .. '"'
end


-- Text of an item within { }; nil, err.
local function item_text(item, pg)
  local kind = type(item)
  if item == pg.NULL or item == ngx.null then
    return "NULL"
  elseif kind == "string" then
    return quote(item)
  elseif kind == "number" then
    return require("pgmoon.types").number_text(item)
  elseif kind == "boolean" then
    return item and "t" or "f"
  end
  local mt = getmetatable(item)
  if kind ~= "table" or not mt or not mt.pgmoon_serialize then
    return nil, kind .. " does not implement pgmoon_serialize, can't serialize"
  end
  local oid, text = mt.pgmoon_serialize(item, pg)
  if not oid then
    return nil, text
  end
  return mt == base and text or quote(text)
end


--- Oid (0 when the items do not tell) and text; nil, err.
function base.pgmoon_serialize(list, pg)
  local texts, oid = {}, nil
  for i = 1, #list do
    local text, err = item_text(list[i], pg)
    if not text then
      return nil, err
    end
    texts[i] = text
    if not oid and text ~= "NULL" then
      oid = OIDS[type(list[i])] or 0
    end
  end
  return oid or 0, "{" .. concat(texts, ",") .. "}"
end


local function escape(value)
  return require("pgmoon").Postgres.escape_literal(nil, value)
end


local function encode(list, escape_literal)
  local out = {}
  for i, item in ipairs(list) do
    if type(item) == "table" and not getmetatable(item) then
      out[i] = encode(item, escape_literal)
    else
      out[i] = escape_literal(item)
    end
  end
  return "[" .. concat(out, ",") .. "]"
end


--- SQL of a list, of lists for more dimensions. escape_literal: of a connection, or the usual one. An empty list needs a cast behind it.
function Arrays.encode_array(list, escape_literal)
  return "ARRAY" .. encode(list, escape_literal or escape)
end


local decode

-- The item at a byte and the byte behind it.
local function decode_item(text, at, convert, null)
  local first = sub(text, at, at)
  if first == "{" then
    return decode(text, at, convert, null)
  elseif first == '"' then
    local stop = at + 1
    while true do
      stop = assert(find(text, '[\\"]', stop), "failed to parse postgresql array")
      if sub(text, stop, stop) == '"' then
        break
      end
      stop = stop + 2
    end
    local value = gsub(sub(text, at + 1, stop - 1), "\\(.)", "%1")
    if convert then
      return convert(value), stop + 1
    end
    return value, stop + 1
  elseif find(first, "^%s") then
    error("got unexpected whitespace")
  end
  local _, stop = find(text, "^[^,{}]+", at)
  local value = sub(text, at, assert(stop, "failed to parse postgresql array"))
  if value == "NULL" then
    return null, stop + 1
  elseif convert then
    return convert(value), stop + 1
  end
  return value, stop + 1
end


-- The array whose brace is at this byte, and the byte behind it.
function decode(text, at, convert, null)
  local list, count = setmetatable({}, base), 0
  at = at + 1
  if sub(text, at, at) == "}" then
    return list, at + 1
  end
  while true do
    count = count + 1
    list[count], at = decode_item(text, at, convert, null)
    local delimiter = sub(text, at, at)
    at = at + 1
    if delimiter == "}" then
      return list, at
    elseif delimiter ~= "," then
      error("failed to parse postgresql array")
    end
  end
end


--- The list that the text of an array says. convert: function for each item that is not null; pg: the connection whose NULL stands for
--- nulls. Raises over text that is no array.
function Arrays.decode_array(text, convert, pg)
  local null = (pg or require("pgmoon").Postgres).NULL
  -- Bounds that do not begin at 1 are told in front: [0:2]={...}.
  local _, bounds = find(text, "^[%[%]%d:%-]+=")
  local at = bounds and bounds + 1 or 1
  if sub(text, at, at) ~= "{" then
    error("failed to parse postgresql array")
  end
  local list, stop = decode(text, at, convert, null)
  if stop <= #text then
    error("failed to parse postgresql array")
  end
  return list
end


return Arrays
