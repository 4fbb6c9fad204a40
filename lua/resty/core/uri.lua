-- require "resty.core.uri": part of ngx already (ngx.escape_uri).
local base = require "resty.core.base"

return { version = base.version }
