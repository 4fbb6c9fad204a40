-- require "resty.core.hash": part of ngx already (digests).
local base = require "resty.core.base"

return { version = base.version }
