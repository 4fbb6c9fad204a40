-- require "resty.random": random bytes; both kinds come from the system's generator.
local random = require "ngx.random"

local Random = { _VERSION = "0.16" }


function Random.bytes(len)
  return random.bytes(len)
end


function Random.number(min, max)
  return math.random(min, max)
end


return Random
