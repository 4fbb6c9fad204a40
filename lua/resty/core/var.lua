-- require "resty.core.var": part of ngx already (ngx.var).
local base = require "resty.core.base"

return { version = base.version }
