-- ngx.ctx: one table per request, timer run or handshake, kept under the small integer cur.slot.
local base = require "ngx.base"
local new_tab = require "table.new"

local C = base.C
local cur = base.cur

local ctxs = new_tab(256, 16)

local Ctx = {}


function Ctx.get()
  local slot = cur.slot
  local ctx = ctxs[slot]
  if ctx == nil then
    if cur.phase == base.INIT then
      error("no request ctx found", 3)
    end
    ctx = new_tab(0, 32)
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
  C.kgw_ffi_ctx_used()
end


-- The request, timer or handshake with that slot is over.
function Ctx.release(slot)
  ctxs[slot] = nil
end


return Ctx
