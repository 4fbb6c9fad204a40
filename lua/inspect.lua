-- Values as readable text, by the interface of the module "inspect" that plugins and kong.log.inspect use:
-- inspect(value[, { depth =, newline =, indent =, process = }]).
local concat = table.concat
local fmt = string.format
local floor = math.floor
local getmetatable = getmetatable
local gsub = string.gsub
local huge = math.huge
local match = string.match
local pairs = pairs
local rawget = rawget
local rep = string.rep
local setmetatable = setmetatable
local sort = table.sort
local tostring = tostring
local type = type

local inspect = { KEY = setmetatable({}, { __tostring = function() return "inspect.KEY" end }),
                  METATABLE = setmetatable({}, { __tostring = function() return "inspect.METATABLE" end }) }

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true " ..
             "until while"):gmatch("%a+") do
  KEYWORDS[word] = true
end
local ESCAPES = { ["\a"] = "\\a", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
                  ["\v"] = "\\v", ["\127"] = "\\127" }
for i = 0, 31 do
  local c = string.char(i)
  ESCAPES[c] = ESCAPES[c] or "\\" .. i
end
local ORDER = { number = 1, boolean = 2, string = 3, table = 4, ["function"] = 5, userdata = 6, thread = 7 }


local function quote(text)
  if match(text, '"') and not match(text, "'") then
    return "'" .. gsub(gsub(text, "\\", "\\\\"), "[%c\127]", ESCAPES) .. "'"
  end
  return '"' .. gsub(gsub(gsub(text, "\\", "\\\\"), '"', '\\"'), "[%c\127]", ESCAPES) .. '"'
end


local function compare(a, b)
  local kind_a, kind_b = type(a), type(b)
  if kind_a == kind_b and (kind_a == "string" or kind_a == "number") then
    return a < b
  end
  return (ORDER[kind_a] or 100) < (ORDER[kind_b] or 100)
end


local function sequence_length(t)
  local n = 0
  while rawget(t, n + 1) ~= nil do
    n = n + 1
  end
  return n
end


-- Keys outside of the sequence, sorted.
local function other_keys(t, n)
  local keys = {}
  for key in next, t do
    if not (type(key) == "number" and floor(key) == key and key >= 1 and key <= n) then
      keys[#keys + 1] = key
    end
  end
  sort(keys, compare)
  return keys
end


-- How often each table is met.
local function count(value, seen)
  if type(value) ~= "table" then
    return
  end
  if seen[value] then
    seen[value] = seen[value] + 1
    return
  end
  seen[value] = 1
  for key, item in next, value do
    count(key, seen)
    count(item, seen)
  end
  count(getmetatable(value), seen)
end


local writer = {}
writer.__index = writer


function writer:id_of(value)
  local id = self.ids[value]
  if not id then
    local kind = type(value)
    id = (self.last_ids[kind] or 0) + 1
    self.last_ids[kind] = id
    self.ids[value] = id
  end
  return id
end


function writer:put(text)
  self.out[#self.out + 1] = text
end


function writer:line()
  self:put(self.newline .. rep(self.indent, self.level))
end


function writer:put_key(key)
  if type(key) == "string" and match(key, "^[_%a][_%a%d]*$") and not KEYWORDS[key] then
    return self:put(key)
  end
  self:put("[")
  self:put_value(key)
  self:put("]")
end


function writer:put_table(t)
  if self.shown[t] then
    return self:put("<table " .. self:id_of(t) .. ">")
  end
  if self.level >= self.depth then
    return self:put("{...}")
  end
  self.shown[t] = true
  if self.counts[t] > 1 then
    self:put("<" .. self:id_of(t) .. ">")
  end
  local n = sequence_length(t)
  local keys, mt = other_keys(t, n), getmetatable(t)
  self:put("{")
  self.level = self.level + 1
  for i = 1, n do
    self:put(i > 1 and ", " or " ")
    self:put_value(t[i])
  end
  for i = 1, #keys do
    self:put((i > 1 or n > 0) and "," or "")
    self:line()
    self:put_key(keys[i])
    self:put(" = ")
    self:put_value(rawget(t, keys[i]))
  end
  if type(mt) == "table" then
    self:put((n > 0 or #keys > 0) and "," or "")
    self:line()
    self:put("<metatable> = ")
    self:put_value(mt)
  end
  self.level = self.level - 1
  if #keys > 0 or type(mt) == "table" then
    self:line()
  elseif n > 0 then
    self:put(" ")
  end
  self:put("}")
end


function writer:put_value(value)
  local kind = type(value)
  if kind == "string" then
    return self:put(quote(value))
  end
  if kind == "table" then
    return self:put_table(value)
  end
  if kind == "number" or kind == "boolean" or kind == "nil" or kind == "cdata" then
    return self:put(value == huge and "math.huge" or value == -huge and "-math.huge" or tostring(value))
  end
  self:put(fmt("<%s %d>", kind, self:id_of(value)))
end


-- Applies options.process to a copy of everything below `value`.
local function process(fn, value, path, seen)
  if value == nil then
    return nil
  end
  if seen[value] then
    return seen[value]
  end
  local changed = fn(value, path)
  if type(changed) ~= "table" then
    return changed
  end
  local copy = {}
  seen[value] = copy
  for key, item in pairs(changed) do
    local new_key = process(fn, key, { key, inspect.KEY }, seen)
    if new_key ~= nil then
      copy[new_key] = process(fn, item, { new_key }, seen)
    end
  end
  local mt = process(fn, getmetatable(changed), { inspect.METATABLE }, seen)
  return setmetatable(copy, type(mt) == "table" and mt or nil)
end


function inspect.inspect(value, options)
  options = options or {}
  if options.process then
    value = process(options.process, value, {}, {})
  end
  local self = setmetatable({
    out = {},
    ids = {},
    last_ids = {},
    shown = {},
    counts = {},
    level = 0,
    depth = options.depth or huge,
    newline = options.newline or "\n",
    indent = options.indent or "  ",
  }, writer)
  count(value, self.counts)
  self:put_value(value)
  return concat(self.out)
end


return setmetatable(inspect, {
  __call = function(_, value, options)
    return inspect.inspect(value, options)
  end,
})
