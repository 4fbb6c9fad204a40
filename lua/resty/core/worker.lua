-- require "resty.core.worker": part of ngx already (ngx.worker).
local base = require "resty.core.base"

return { version = base.version }
