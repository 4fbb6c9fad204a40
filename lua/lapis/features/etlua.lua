-- app:enable("etlua"): modules may be files NAME.etlua where package.path finds NAME.lua; their value is the template, compiled.
local loadkit = require "loadkit"

if not loadkit.is_registered("etlua") then
  loadkit.register("etlua", function(file, name)
    local template, err = require("etlua").compile(file:read("*a"))
    return template or error("[" .. name .. "] " .. err)
  end)
end

return true
