-- require "resty.core.socket": part of ngx already (sockets).
local base = require "resty.core.base"

return { version = base.version }
