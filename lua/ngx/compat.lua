-- For a kgw that is linked with Debian's LuaJIT (see scripts/luajit): what Lua 5.2's rules bring, as far as Lua code can give
-- it: table.pack, table.unpack, and the metamethods of pairs and ipairs. (The length of tables with __len cannot be had this
-- way.) Of a LuaJIT that has these rules it only completes table.unpack.
local new_tab = require "table.new"

local getmetatable = getmetatable
local raw_ipairs = ipairs
local raw_pairs = pairs
local select = select
local type = type

local Compat = {}


function Compat.pack(...)
  local n = select("#", ...)
  local t = new_tab(n, 1)
  t.n = n
  for i = 1, n do
    t[i] = (select(i, ...))
  end
  return t
end


function Compat.pairs(t)
  local mt = getmetatable(t)
  if type(mt) == "table" and mt.__pairs then
    local fn, state, first = mt.__pairs(t)
    return fn, state, first
  end
  return raw_pairs(t)
end


function Compat.ipairs(t)
  local mt = getmetatable(t)
  if type(mt) == "table" and mt.__ipairs then
    local fn, state, first = mt.__ipairs(t)
    return fn, state, first
  end
  return raw_ipairs(t)
end


local function has_metamethods()
  local t = setmetatable({}, {
    __pairs = function()
      return next, { true }
    end,
  })
  for _ in raw_pairs(t) do
    return true
  end
  return false
end


function Compat.install()
  table.pack = table.pack or Compat.pack
  table.unpack = table.unpack or unpack
  if not has_metamethods() then
    _G.pairs = Compat.pairs
    _G.ipairs = Compat.ipairs
  end
end


return Compat
