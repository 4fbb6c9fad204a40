-- require "resty.core.base64": part of ngx already (ngx.encode_base64).
local base = require "resty.core.base"

return { version = base.version }
