-- require "resty.core.misc": part of ngx already (ngx.status and others).
local base = require "resty.core.base"

return { version = base.version }
