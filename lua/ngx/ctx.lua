-- ngx.ctx: one table per request, timer run or handshake, kept under the small integer cur.slot.
local base = require "ngx.base"
local clear = require "table.clear"
local new_tab = require "table.new"

local C = base.C
local getmetatable = getmetatable
local pairs = pairs
local cur = base.cur

local ctxs = new_tab(256, 16)

-- Tables of requests that are over, emptied, for the next ones.
local SPARE_MAX = 128
local spare, spare_cnt = new_tab(SPARE_MAX, 0), 0
-- Slots whose table is not one of ours.
local foreign = {}

local Ctx = {}


function Ctx.get()
  local slot = cur.slot
  local ctx = ctxs[slot]
  if ctx == nil then
    if cur.phase == base.INIT then
      error("no request ctx found", 3)
    end
    if spare_cnt > 0 then
      ctx = spare[spare_cnt]
      spare_cnt = spare_cnt - 1
    else
      ctx = new_tab(0, 32)
    end
    ctxs[slot] = ctx
    local handshake = ctxs[C.kgw_ffi_ctx_used()]
    if handshake then
      for key, value in pairs(handshake) do
        ctx[key] = value
      end
    end
  end
  return ctx
end


function Ctx.set(ctx)
  if cur.phase == base.INIT then
    error("no request ctx found", 3)
  end
  ctxs[cur.slot] = ctx
  foreign[cur.slot] = true
  C.kgw_ffi_ctx_used()
end


-- The request, timer or handshake with that slot is over.
function Ctx.release(slot)
  local ctx = ctxs[slot]
  if ctx == nil then
    return
  end
  ctxs[slot] = nil
  if foreign[slot] then
    foreign[slot] = nil
  elseif spare_cnt < SPARE_MAX and getmetatable(ctx) == nil then
    clear(ctx)
    spare_cnt = spare_cnt + 1
    spare[spare_cnt] = ctx
  end
end


return Ctx
