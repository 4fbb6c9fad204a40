-- require "lapis": serves the current request by an application of lapis.application; the other modules are lapis.router, lapis.util,
-- lapis.util.encoding, lapis.validate, lapis.request, lapis.nginx. What is not there is said in lapis.application.
local application = require "lapis.application"

local Lapis = { Application = application.Application, app_cache = setmetatable({}, { __mode = "k" }) }


--- Answers the current request by an application, its class, or the module of that name.
function Lapis.serve(app)
  local made = Lapis.app_cache[app]
  if not made then
    made = type(app) == "string" and require(app) or app
    if rawget(made, "__base") then
      made = made()
    else
      made:build_router()
    end
    Lapis.app_cache[app] = made
  end
  return require("lapis.nginx").dispatch(made)
end


return Lapis
