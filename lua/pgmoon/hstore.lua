-- require "pgmoon.hstore": values of the extension type hstore as tables of strings.
local concat = table.concat
local find = string.find
local gsub = string.gsub
local match = string.match
local setmetatable = setmetatable
local sub = string.sub

local base = {}

local Hstore = {
  PostgresHstore = setmetatable({ __base = base, __name = "PostgresHstore" }, {
    __index = base,
    __call = function(_, t)
      return setmetatable(t, base)
    end,
  }),
}


local function quote(value)
  return '"' .. gsub(tostring(value), '[\\"]', "\\%0") .. '"'
end


--- A literal of SQL for the table. escape_literal: of a connection, or the usual one.
function Hstore.encode_hstore(t, escape_literal)
  local pairs_out = {}
  for key, value in pairs(t) do
    pairs_out[#pairs_out + 1] = quote(key) .. "=>" .. quote(value)
  end
  local text = concat(pairs_out, ", ")
  if escape_literal then
    return escape_literal(text)
  end
  return require("pgmoon").Postgres.escape_literal(nil, text)
end


-- The quoted text at a byte, and the byte behind it.
local function decode_string(text, at)
  local stop = at + 1
  while true do
    stop = assert(find(text, '[\\"]', stop), "failed to parse postgresql hstore")
    if sub(text, stop, stop) == '"' then
      return (gsub(sub(text, at + 1, stop - 1), "\\(.)", "%1")), stop + 1
    end
    stop = stop + 2
  end
end


--- The table that the text of an hstore says; nulls are the string "NULL". Raises over other text.
function Hstore.decode_hstore(text)
  local out, at = setmetatable({}, base), 1
  while at <= #text do
    local key, value
    assert(sub(text, at, at) == '"', "failed to parse postgresql hstore")
    key, at = decode_string(text, at)
    value = match(text, '^=>(NULL)', at)
    if value then
      at = at + #"=>NULL"
    else
      assert(sub(text, at, at + 2) == '=>"', "failed to parse postgresql hstore")
      value, at = decode_string(text, at + 2)
    end
    out[key] = value
    assert(at > #text or sub(text, at, at + 1) == ", ", "failed to parse postgresql hstore")
    at = at + 2
  end
  return out
end


return Hstore
