-- require "resty.core.regex": part of ngx already (ngx.re).
local base = require "resty.core.base"

return { version = base.version }
