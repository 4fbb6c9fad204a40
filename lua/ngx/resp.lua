-- require "ngx.resp": response headers that are appended, and what OpenResty's own modules hang there.
local header = require "ngx.header"

return {
  add_header = header.add,
  get_headers = header.get_headers,
}
