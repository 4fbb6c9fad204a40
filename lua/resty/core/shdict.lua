-- require "resty.core.shdict": part of ngx already (ngx.shared and its methods).
local base = require "resty.core.base"

return { version = base.version }
