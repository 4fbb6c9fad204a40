-- require "resty.core.phase": part of ngx already (ngx.get_phase).
local base = require "resty.core.base"

return { version = base.version }
