-- require "tablepool": tables that are used again, by tag.
local new_tab = require "table.new"
local clear = require "table.clear"

local MAX_POOL = 200
local MAX_USES = 200

local Pool = {}
local pools = {}


function Pool.fetch(tag, array_size, hash_size)
  local pool = pools[tag]
  if pool then
    local n = pool.n
    if n > 0 then
      local t = pool[n]
      pool[n] = nil
      pool.n = n - 1
      return t
    end
  else
    pools[tag] = { n = 0, uses = 0 }
  end
  return new_tab(array_size, hash_size)
end


-- `as_it_is`: the caller has emptied it.
function Pool.release(tag, t, as_it_is)
  if not t then
    error("object empty", 2)
  end
  local pool = pools[tag]
  if not pool then
    pool = { n = 0, uses = 0 }
    pools[tag] = pool
  end
  if not as_it_is then
    setmetatable(t, nil)
    clear(t)
  end
  pool.uses = pool.uses + 1
  if pool.uses > MAX_USES then
    -- now and then the pool is made anew, so that it does not stay as large as it once was
    pool = { n = 0, uses = 0 }
    pools[tag] = pool
  end
  if pool.n < MAX_POOL then
    pool.n = pool.n + 1
    pool[pool.n] = t
  end
end


return Pool
