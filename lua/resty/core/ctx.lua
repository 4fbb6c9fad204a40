-- require "resty.core.ctx": ngx.ctx as functions.
local base = require "resty.core.base"
local ctx = require "ngx.ctx"

return {
  version = base.version,
  get_ctx_table = ctx.get,
  set_ctx_table = ctx.set,
}
