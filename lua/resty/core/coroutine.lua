-- require "resty.core.coroutine": part of ngx already (coroutines).
local base = require "resty.core.base"

return { version = base.version }
