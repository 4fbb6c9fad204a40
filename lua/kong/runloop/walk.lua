-- Runs the handlers of one phase after another. Calls are written out for the first plugins: a loop of a few turns would
-- keep LuaJIT from compiling a phase as one piece of straight code. `kong.runloop` makes one walker per phase.
local pcall = pcall
local timing = require "kong.runloop.timing"

local walk = {}

-- Plugins whose calls are written out; the rest go through a loop.
local WRITTEN_OUT = 8

local STEP = [[
local pcall, timed_call, is_wanted, fail = ...

local function step(ctx, entry, is_timed)
  ctx.plugin_id = entry.id
  ctx.plugin_handler = entry.handler
  ctx.KONG_LOG = entry.log_facility
  local ok, err
  if is_timed then
    ok, err = timed_call(ctx, entry, "PHASE")
  else
    ok, err = pcall(entry.PHASE, entry.handler, entry.conf)
  end
  if not ok then
    fail(ctx, entry, "PHASE", err)
  end
  return ok
end

return function(ctx, list)
  local is_timed = is_wanted(ctx)
  local n = #list
]]

local ONE = [[
  if not step(ctx, list[INDEX], is_timed) then
    return
  end
  if n == INDEX then
    ctx.plugin_id, ctx.plugin_handler, ctx.KONG_LOG = nil, nil, nil
    return
  end
]]

local REST = [[
  for i = INDEX, n do
    if not step(ctx, list[i], is_timed) then
      return
    end
  end
  ctx.plugin_id, ctx.plugin_handler, ctx.KONG_LOG = nil, nil, nil
end
]]


-- A function(ctx, list) that calls entry[phase] of each entry of a list that is not empty. fail(ctx, entry, phase, err) is
-- called when a handler raises an error; the walk ends with it.
function walk.new(phase, fail)
  local parts = { (STEP:gsub("PHASE", phase)) }
  for i = 1, WRITTEN_OUT do
    parts[#parts + 1] = (ONE:gsub("INDEX", i))
  end
  parts[#parts + 1] = (REST:gsub("INDEX", WRITTEN_OUT + 1))
  return assert(load(table.concat(parts), "=walk_" .. phase))(pcall, timing.call, timing.is_wanted, fail)
end


return walk
