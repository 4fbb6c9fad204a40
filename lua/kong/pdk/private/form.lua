-- Query strings and forms built from tables in a fixed order, and single arguments taken out of a query string.
local byte = string.byte
local char = string.char
local concat = table.concat
local encode_args = ngx.encode_args
local find = string.find
local fmt = string.format
local gsub = string.gsub
local next = next
local sort = table.sort
local sub = string.sub
local tonumber = tonumber
local type = type

local form = {}


-- Arguments sorted by what they look like once encoded. text | nil, err; a value that cannot be encoded raises.
function form.encode_sorted(args)
  local pieces, n = {}, 0
  for name, value in next, args do
    if type(name) ~= "string" then
      return nil, "arg keys must be strings"
    end
    n = n + 1
    pieces[n] = encode_args({ [name] = value })
  end
  sort(pieces)
  return concat(pieces, "&")
end


local function decode(text)
  text = gsub(text, "+", " ")
  return (gsub(text, "%%(%x%x)", function(hex)
    return char(tonumber(hex, 16))
  end))
end


-- As the URL standard serialises forms.
local function encode(text)
  text = gsub(text, "[^%w*._ -]", function(c)
    return fmt("%%%02X", byte(c))
  end)
  return (gsub(text, " ", "+"))
end


-- The query without any argument of that name; what is left is encoded anew.
function form.remove(query, unwanted)
  local kept, n = {}, 0
  for piece in query:gmatch("[^&]+") do
    local equals = find(piece, "=", 1, true)
    local name = decode(equals and sub(piece, 1, equals - 1) or piece)
    if name ~= unwanted then
      n = n + 1
      kept[n] = encode(name) .. "=" .. (equals and encode(decode(sub(piece, equals + 1))) or "")
    end
  end
  return concat(kept, "&")
end


return form
