-- Modules of kgw that stand in front of Debian's of the same name.
local OWN = KGW_ROOT .. "/lua/"


--- Loads the module `name` that lies behind kgw's own on package.path, and returns what its file returns.
return function(name)
  local path = {}
  for template in package.path:gmatch("[^;]+") do
    if template:sub(1, #OWN) ~= OWN then
      path[#path + 1] = template
    end
  end
  local file, err = package.searchpath(name, table.concat(path, ";"))
  if not file then
    error(("module '%s' not found:%s"):format(name, err), 2)
  end
  return assert(loadfile(file))(name)
end
