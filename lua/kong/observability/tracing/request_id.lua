-- The id of the running request: 32 hexadecimal digits, the same in logs, headers and error pages.
local ngx = ngx

local request_id = {}


-- nil outside of requests.
function request_id.get()
  local ctx = ngx.ctx
  local id = ctx.request_id
  if id then
    return id
  end
  id = ngx.var.kong_request_id
  ctx.request_id = id
  return id
end


-- What an earlier get() of this request kept, nil before.
function request_id._get_ctx_request_id()
  return ngx.ctx.request_id
end


return request_id
