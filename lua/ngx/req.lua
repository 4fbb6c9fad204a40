-- require "ngx.req": request headers that are appended.
local request = require "ngx.request"

return {
  add_header = request.add_header,
}
