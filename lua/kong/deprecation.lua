-- require "kong.deprecation": says that something will go away: deprecation(message..., { after =, removal =, trace = }).
local concat = table.concat
local select = select
local type = type

local deprecation = {}


function deprecation.init()
end


-- Goes to the log of the plugin or of the gateway as a warning.
function deprecation.raise(...)
  local log = kong and kong.log
  if log and log.deprecation then
    return log.deprecation(...)
  end
  local n = select("#", ...)
  local parts = { ... }
  if type(parts[n]) == "table" then
    n = n - 1
  end
  return ngx.log(ngx.WARN, concat(parts, "", 1, n))
end


return setmetatable(deprecation, {
  __call = function(_, ...)
    return deprecation.raise(...)
  end,
})
