-- require "resty.lrucache.pureffi": the same interface as resty.lrucache, and here the same implementation.
local lrucache = require "resty.lrucache"

local Cache = {}

for name, value in pairs(lrucache) do
  Cache[name] = value
end
Cache.__index = Cache


-- `load_factor` is accepted and has no meaning.
function Cache.new(max_items, load_factor)
  if load_factor and (load_factor < 0 or load_factor > 1) then
    return nil, "load factor must be between 0 and 1"
  end
  local cache, err = lrucache.new(max_items)
  if not cache then
    return nil, err
  end
  return setmetatable(cache, Cache)
end


return Cache
