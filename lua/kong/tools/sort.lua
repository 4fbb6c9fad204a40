-- Sorts long lists without holding up the loop (short runs are sorted, then merged, with a pause after each step), where a new
-- configuration is taken over; for short lists table.sort is faster. And the keys of a table in order, where people read them.
local sort = table.sort

local _M = {}

local RUN = 128
-- Elements merged between two pauses.
local STEP = 512


local function sort_runs(list, n, pause)
  local run = {}
  for low = 1, n, RUN do
    local count = RUN
    if low + RUN > n + 1 then
      count = n - low + 1
      run = {}
    end
    for i = 1, count do
      run[i] = list[low + i - 1]
    end
    sort(run)
    for i = 1, count do
      list[low + i - 1] = run[i]
    end
    pause()
  end
end


local function merge(from, to, low, middle, high, pause)
  local a, b = low, middle
  for i = low, high - 1 do
    if a < middle and (b >= high or from[a] <= from[b]) then
      to[i] = from[a]
      a = a + 1
    else
      to[i] = from[b]
      b = b + 1
    end
    if i % STEP == 0 then
      pause()
    end
  end
end


--- Sorts texts or numbers, smallest first. pause: called between steps; without one this is table.sort.
-- Returns the sorted list, which may be another table than the given one.
function _M.sort(list, pause)
  local n = #list
  if not pause or n <= RUN then
    sort(list)
    return list
  end
  sort_runs(list, n, pause)
  local from, to = list, {}
  local width = RUN
  while width < n do
    for low = 1, n, 2 * width do
      local middle, high = low + width, low + 2 * width
      middle = middle > n + 1 and n + 1 or middle
      high = high > n + 1 and n + 1 or high
      merge(from, to, low, middle, high, pause)
      pause()
    end
    from, to = to, from
    width = 2 * width
  end
  return from
end


--- The keys of a table: numbers before names, each in order.
function _M.keys(t)
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  sort(keys, function(a, b)
    if type(a) == type(b) then
      return a < b
    end
    return type(a) == "number"
  end)
  return keys
end


return _M
