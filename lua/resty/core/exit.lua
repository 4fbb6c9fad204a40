-- require "resty.core.exit": part of ngx already (ngx.exit).
local base = require "resty.core.base"

return { version = base.version }
