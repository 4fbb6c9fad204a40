-- A bounded table of values in two generations: what is used stays in the young one; when that is full it becomes the old
-- one and the former old one is forgotten. Every operation takes constant time; memory grows with use only.
local lru = {}
local mt = { __index = lru }


-- Holds between size / 2 and size entries once it is full.
function lru.new(size)
  return setmetatable({ young = {}, old = {}, cnt = 0, limit = math.max(math.floor(size / 2), 1) }, mt)
end


local function insert(self, key, entry)
  if self.young[key] == nil then
    if self.cnt >= self.limit then
      self.old, self.young, self.cnt = self.young, {}, 0
    end
    self.cnt = self.cnt + 1
  end
  self.young[key] = entry
end


function lru:get(key)
  local entry = self.young[key]
  if entry ~= nil then
    return entry
  end
  entry = self.old[key]
  if entry ~= nil then
    insert(self, key, entry)
    self.old[key] = nil
  end
  return entry
end


-- `entry` is a table or any other value but nil.
function lru:set(key, entry)
  insert(self, key, entry)
  self.old[key] = nil
end


function lru:delete(key)
  if self.young[key] ~= nil then
    self.young[key] = nil
    self.cnt = self.cnt - 1
  end
  self.old[key] = nil
end


function lru:flush_all()
  self.young, self.old, self.cnt = {}, {}, 0
end


return lru
