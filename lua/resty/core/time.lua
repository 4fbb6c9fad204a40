-- require "resty.core.time": part of ngx already, and the monotonic clock.
local base = require "resty.core.base"
local time = require "ngx.time"

return {
  version = base.version,
  now = time.now,
  time = time.time,
  update_time = time.update_time,
  monotonic_time = function()
    return math.floor(time.monotonic())
  end,
  monotonic_msec = function()
    return math.floor(time.monotonic() * 1000)
  end,
}
