-- The vault of environment variables: "my-secret" is MY_SECRET, behind the configured prefix.
local getenv = os.getenv
local gsub = string.gsub
local upper = string.upper

local env = { VERSION = require("kong.meta").version }


function env.init()
end


-- The value, nil when there is none. Version 2 is the value before the last rotation: NAME_PREVIOUS.
function env.get(conf, resource, version)
  local name = upper((gsub((conf.prefix or "") .. resource, "-", "_")))
  if version == 2 then
    name = name .. "_PREVIOUS"
  end
  return getenv(name)
end


return env
