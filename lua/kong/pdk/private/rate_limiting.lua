-- Rate limiting headers of several plugins in one response: plugins store them in access, reading what earlier ones
-- stored, and header_filter writes them.
local pairs = pairs
local table_new = require "table.new"

local rate_limiting = {}

-- More headers than these exist nowhere.
local SLOTS = 16


function rate_limiting.store_response_header(ngx_ctx, key, value)
  local stored = ngx_ctx.RATE_LIMITING_HEADERS
  if not stored then
    stored = table_new(0, SLOTS)
    ngx_ctx.RATE_LIMITING_HEADERS = stored
  end
  stored[key] = value
end


function rate_limiting.get_stored_response_header(ngx_ctx, key)
  local stored = ngx_ctx.RATE_LIMITING_HEADERS
  return stored and stored[key] or nil
end


function rate_limiting.apply_response_headers(ngx_ctx)
  local stored = ngx_ctx.RATE_LIMITING_HEADERS
  if not stored then
    return
  end
  local header = ngx.header
  for name, value in pairs(stored) do
    header[name] = value
  end
end


return rate_limiting
