-- The service's response body when it was held back for plugins (a `response` handler or enable_buffering).
local ngx = ngx

local held_body = {}


function held_body.is_on()
  local ctx = ngx.ctx
  if ctx.buffered_proxying then
    return true
  end
  local plan = ctx.plugins_plan
  return plan ~= nil and plan.response ~= nil and plan.response ~= false
end


-- Copied out of the runtime once per request, then kept for the phases in which it is gone there.
function held_body.get()
  local ctx = ngx.ctx
  local text = ctx.buffered_body
  if not text then
    text = require("ngx.proxy").held_body() or ""
    ctx.buffered_body = text
  end
  return text
end


return held_body
