-- What the gateway changes in Lua's and ngx's globals, once per process: random numbers are seeded from the system's
-- generator and by nobody else.
local ngx = ngx

local patches = {}

-- LuaJIT's generator is seeded with a number that a double holds exactly.
local SEED_BYTES = 6

local seed_with = math.randomseed
local seeded_with


local function random_seed()
  local bytes = require("ngx.random").bytes(SEED_BYTES)
  local seed = 0
  for i = 1, #bytes do
    seed = seed * 256 + bytes:byte(i)
  end
  return seed
end


-- Seeds this worker's generator; workers are forked with equal ones.
function patches.start_worker()
  seeded_with = random_seed()
  seed_with(seeded_with)
end


-- A plugin's own seed would make its numbers, and everybody's, predictable.
function patches.randomseed()
  if not seeded_with then
    patches.start_worker()
  else
    ngx.log(ngx.DEBUG, "attempt to seed an already seeded random number generator")
  end
  return seeded_with
end


function patches.install()
  math.randomseed = patches.randomseed
  if not rawget(_G, "_KONG") then
    local meta = require "kong.meta"
    _G._KONG = { _NAME = meta._NAME, _VERSION = meta._VERSION }
  end
end


return patches
