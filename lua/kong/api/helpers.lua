-- What handlers of plugins' api.lua get as third argument.
local cjson = require "cjson.safe"

local helpers = {}


function helpers.normalize_nested_params(args)
  return require("kong.api.arguments").nest(args)
end


helpers.decode = cjson.decode
helpers.encode = cjson.encode


-- Sends an answer and ends the request.
function helpers.yield_error(err)
  return kong.response.exit(500, { message = tostring(err) })
end


return helpers
