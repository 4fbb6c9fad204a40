-- require "resty.core": the FFI implementation of the API is the only one here, so there is nothing to load.
local base = require "resty.core.base"

return { version = base.version }
