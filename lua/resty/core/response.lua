-- require "resty.core.response": part of ngx already (ngx.header and ngx.resp).
local base = require "resty.core.base"

return { version = base.version }
