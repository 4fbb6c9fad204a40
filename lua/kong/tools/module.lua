-- Loading of modules that need not exist.
local find = string.find
local require = require
local type = type
local xpcall = xpcall

local module = {}


-- true, module | false, err when there is none; raises when there is one that fails to load.
function module.load_module_if_exists(name)
  local ok, result = xpcall(require, debug.traceback, name)
  if ok then
    return true, result
  end
  if type(result) == "string" and find(result, "module '" .. name .. "' not found", 1, true) then
    return false, result
  end
  error("error loading module '" .. name .. "':\n" .. tostring(result))
end


return module
