-- All helpers that were in kong.tools.utils before they got modules of their own; plugins still ask for them here.
local utils = {}

for _, name in ipairs { "table", "uuid", "rand", "time", "string", "ip", "http" } do
  for key, value in pairs(require("kong.tools." .. name)) do
    utils[key] = value
  end
end


return utils
