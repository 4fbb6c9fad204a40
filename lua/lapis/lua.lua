-- require "lapis.lua": classes as MoonScript makes them, for those who write Lua. A class is called to make an instance; it inherits the
-- class methods of its parent, its instances the methods of the parent's instances.
local rawget = rawget
local setmetatable = setmetatable

local Lua = {}


-- Calls a method of the class above: cls.super(cls, self, "method", ...).
local function super(cls, self, method, ...)
  local fn = method == "new" and cls.__parent.__init or cls.__parent.__base[method]
  return fn(self, ...)
end


--- fields: methods and values of the instances, `new` is called for each. parent: a class, or nil. setup: function(class), or nil.
function Lua.class(name, fields, parent, setup)
  local base = {}
  base.__index = base
  for key, value in pairs(fields or {}) do
    if key ~= "new" then
      base[key] = value
    end
  end
  local class = { __base = base, __name = name, __parent = parent, super = super }
  class.__init = fields and fields.new or parent and function(self, ...) return parent.__init(self, ...) end or function() end
  base.__class = class
  setmetatable(base, parent and parent.__base)
  setmetatable(class, {
    __index = function(_, key)
      local value = rawget(base, key)
      if value == nil and parent then
        return parent[key]
      end
      return value
    end,
    __call = function(_, ...)
      local self = setmetatable({}, base)
      class.__init(self, ...)
      return self
    end,
  })
  if setup then
    setup(class)
  end
  if parent and parent.__inherited then
    parent.__inherited(parent, class)
  end
  return class
end


return Lua
