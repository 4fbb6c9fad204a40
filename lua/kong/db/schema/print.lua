-- Prints error tables as text: "{field="..."}" in one line, or with two-space indents, keys sorted.
-- Used for error messages of schemas, primary keys and the declarative loader. Must never print cycles.
local null = require("kong.db.schema.value").null

local type = type
local tostring = tostring
local rep = string.rep
local fmt = string.format
local concat = table.concat

local print_table = {}


local RESERVED = {}
for word in ([[and break do else elseif end false for function if in local nil not or repeat return
              then true until while goto]]):gmatch("%a+") do
  RESERVED[word] = true
end


local function by_kind_then_text(a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
    return a < b
  end
  return type(a) == "number" and type(b) ~= "number"
end


local function key_text(k)
  if type(k) == "string" and k:match("^[%a_][%w_]*$") and not RESERVED[k] then
    return k
  end
  if type(k) == "string" then
    return "[" .. fmt("%q", k) .. "]"
  end
  return "[" .. tostring(k) .. "]"
end


local function scalar_text(v)
  if type(v) == "string" then
    return (fmt("%q", v):gsub("\\\n", "\\n"))
  end
  if v == null then
    return "null"
  end
  return tostring(v)
end


local function write(v, indent, deep)
  if type(v) ~= "table" then
    return scalar_text(v)
  end
  if next(v) == nil then
    return "{}"
  end
  local newline = indent ~= ""
  local parts, n = {}, 0
  local count = #v
  local pad = newline and rep(indent, deep + 1) or ""
  local equals = newline and " = " or "="
  for i = 1, count do
    -- A hole ends the plain part: what follows it is printed with its position.
    if v[i] == nil then
      count = i - 1
      break
    end
    n = n + 1
    parts[n] = pad .. write(v[i], indent, deep + 1)
  end
  local keys = {}
  for k in pairs(v) do
    if not (type(k) == "number" and k >= 1 and k <= count) then
      keys[#keys + 1] = k
    end
  end
  table.sort(keys, by_kind_then_text)
  for _, k in ipairs(keys) do
    n = n + 1
    parts[n] = pad .. key_text(k) .. equals .. write(v[k], indent, deep + 1)
  end
  if newline then
    return "{\n" .. concat(parts, ",\n") .. "\n" .. rep(indent, deep) .. "}"
  end
  return "{" .. concat(parts, ",") .. "}"
end


function print_table.one_line(v)
  return write(v, "", 0)
end


function print_table.indented(v)
  return write(v, "  ", 0)
end


return print_table
