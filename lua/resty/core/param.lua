-- require "resty.core.param": part of ngx already (ngx.arg).
local base = require "resty.core.base"

return { version = base.version }
