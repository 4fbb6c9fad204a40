-- require "resty.core.request": part of ngx already (ngx.req).
local base = require "resty.core.base"

return { version = base.version }
