-- The phases a request goes through, as bits, and the check every PDK function starts with. The running phase is the
-- number in ngx.ctx.KONG_PHASE, set by kong.runloop. Must never decide anything from ngx.get_phase() but the Admin API.
local bit = require "bit"

local band = bit.band
local concat = table.concat
local fmt = string.format
local ngx = ngx

-- In the order of their bits, which is the order messages list them in.
local LIST = {
  { "init_worker", 0x1 },
  { "certificate", 0x2 },
  { "client_hello", 0x8 },
  { "rewrite", 0x10 },
  { "access", 0x20 },
  { "balancer", 0x40 },
  { "response", 0x80 },
  { "cluster_listener", 0x100 },
  { "header_filter", 0x200 },
  { "body_filter", 0x400 },
  { "log", 0x2000 },
  { "preread", 0x4000 },
  { "error", 0x1000000 },
  { "admin_api", 0x10000000 },
}

-- Name to bit and bit to name; `request` is every phase that has a request.
local PHASES = { n = 30 }
for i = 1, #LIST do
  local name, value = LIST[i][1], LIST[i][2]
  PHASES[name] = value
  PHASES[value] = name
end
PHASES.request = bit.bor(PHASES.rewrite, PHASES.access, PHASES.balancer, PHASES.response, PHASES.header_filter,
                         PHASES.body_filter, PHASES.log, PHASES.error, PHASES.admin_api, PHASES.cluster_listener)
setmetatable(PHASES, {
  __index = function(_, name)
    error("unknown phase or phase alias: " .. tostring(name))
  end,
})

local phases = { phases = PHASES, new = bit.bor }


local function names_of(mask)
  local names = {}
  for i = 1, #LIST do
    if band(mask, LIST[i][2]) ~= 0 then
      names[#names + 1] = LIST[i][1]
    end
  end
  return concat(names, ", ")
end


local function name_of(phase)
  return rawget(PHASES, phase) or "'unknown phase'"
end


-- Raises at the level of whoever called the PDK function, unless there is no gateway (unit tests of plugins).
local function refuse(phase, mask)
  local kong = rawget(_G, "kong")
  if not kong or not kong.ctx then
    return
  end
  if not phase then
    if ngx.get_phase() ~= "content" then
      error(fmt("no phase in ngx.ctx.KONG_PHASE, (need one of %s)", names_of(mask)), 4)
    end
    phase = PHASES.admin_api
    if band(phase, mask) ~= 0 then
      return
    end
  end
  error(fmt("function cannot be called in %s phase (only in: %s)", name_of(phase), names_of(mask)), 4)
end


-- Raises when the running phase is not in the mask.
function phases.check(mask)
  local phase = ngx.ctx.KONG_PHASE
  if phase and band(phase, mask) ~= 0 then
    return
  end
  -- Not a tail call: the level of the error counts frames.
  refuse(phase, mask)
end


-- Raises when the running phase is in the mask.
function phases.check_not(mask)
  local phase = ngx.ctx.KONG_PHASE
  if phase and band(phase, mask) == 0 then
    return
  end
  local kong = rawget(_G, "kong")
  if not kong or not kong.ctx then
    return
  end
  if not phase then
    error("no phase in ngx.ctx.KONG_PHASE", 3)
  end
  error(fmt("function cannot be called in %s phase (can be called in any phases except: %s)", name_of(phase),
            names_of(mask)), 3)
end


return phases
