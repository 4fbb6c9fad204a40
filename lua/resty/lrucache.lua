-- A cache of a fixed number of values per VM; the one that was used longest ago makes room for a new one.
-- Entries are positions in arrays, linked in the order of use, so that nothing is allocated once it is full.
local ngx = ngx
local setmetatable = setmetatable
local tonumber = tonumber

local lrucache = {}
lrucache.__index = lrucache

-- Position 0 is the head of both lists' rings: next[0] was used last, prev[0] first.


-- max_items: at least 1. Raises on anything else.
function lrucache.new(max_items)
  max_items = tonumber(max_items)
  if not max_items or max_items < 1 then
    return nil, "size too small"
  end
  return setmetatable({
    max_items = max_items,
    count_used = 0,
    at = {},
    keys = {},
    values = {},
    expires = {},
    flags = {},
    next = { [0] = 0 },
    prev = { [0] = 0 },
    free = {},
  }, lrucache)
end


local function unlink(self, i)
  local next, prev = self.next, self.prev
  next[prev[i]] = next[i]
  prev[next[i]] = prev[i]
end


local function link_first(self, i)
  local next, prev = self.next, self.prev
  local old = next[0]
  next[0], prev[i] = i, 0
  next[i], prev[old] = old, i
end


-- value, stale_value, flags. A value whose time is over comes as the second one.
function lrucache:get(key)
  local i = self.at[key]
  if not i then
    return nil
  end
  if self.next[0] ~= i then
    unlink(self, i)
    link_first(self, i)
  end
  local expires = self.expires[i]
  if expires and expires < ngx.now() then
    return nil, self.values[i], self.flags[i]
  end
  return self.values[i], nil, self.flags[i]
end


-- ttl: seconds, fractions allowed; none for ever. flags: a number that comes back with the value.
function lrucache:set(key, value, ttl, flags)
  local i = self.at[key]
  if i then
    unlink(self, i)
  else
    local free = self.free
    local n = #free
    if n > 0 then
      i = free[n]
      free[n] = nil
      self.count_used = self.count_used + 1
    elseif self.count_used < self.max_items then
      self.count_used = self.count_used + 1
      i = self.count_used
    else
      i = self.prev[0]
      unlink(self, i)
      self.at[self.keys[i]] = nil
    end
    self.at[key] = i
    self.keys[i] = key
  end
  link_first(self, i)
  self.values[i] = value
  self.flags[i] = tonumber(flags) or 0
  self.expires[i] = ttl and ngx.now() + ttl or false
end


function lrucache:delete(key)
  local i = self.at[key]
  if not i then
    return false
  end
  unlink(self, i)
  self.at[key] = nil
  self.keys[i], self.values[i] = nil, nil
  self.free[#self.free + 1] = i
  self.count_used = self.count_used - 1
  return true
end


function lrucache:count()
  return self.count_used
end


function lrucache:capacity()
  return self.max_items
end


-- Keys from the most to the least recently used, into `res` when it is given.
function lrucache:get_keys(max_count, res)
  max_count = max_count and max_count > 0 and max_count or self.count_used
  local list = res or {}
  local n = 0
  local i = self.next[0]
  while i ~= 0 and n < max_count do
    n = n + 1
    list[n] = self.keys[i]
    i = self.next[i]
  end
  if res then
    list[n + 1] = nil
  end
  return list
end


function lrucache:flush_all()
  self.count_used = 0
  self.at, self.keys, self.values, self.expires, self.flags, self.free = {}, {}, {}, {}, {}, {}
  self.next, self.prev = { [0] = 0 }, { [0] = 0 }
end


return lrucache
