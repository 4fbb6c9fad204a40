-- require "resty.core.ndk": part of ngx already (ndk).
local base = require "resty.core.base"

return { version = base.version }
