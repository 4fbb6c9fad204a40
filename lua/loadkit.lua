-- require "loadkit": lets require load files that are not Lua, with the interface of the rock of that name. Files are looked for where
-- package.path looks for .lua files, with another extension.
local find = string.find
local gmatch = string.gmatch
local gsub = string.gsub
local match = string.match
local open = io.open

local loadkit = { VERSION = "1.1.0", _registered_handlers = {} }
local registered = loadkit._registered_handlers


local function path_of(_, _, path)
  return path
end


-- Closes the file when the handler left it open, and passes on what it returned.
local function finish(file, ...)
  if io.type(file) == "file" then
    file:close()
  end
  return ...
end


--- A function(module name): what handler(file, module name, path) returned for the first file with the extension; nothing when there is
--- none. Without a handler it returns the path. search_path: as package.path, which is the default.
function loadkit.make_loader(ext, handler, search_path)
  handler = handler or path_of
  local patterns = {}
  for path in gmatch(search_path or package.path, "[^;]+") do
    local stem = match(path, "^(.-)%.lua$")
    if stem then
      patterns[#patterns + 1] = stem .. "." .. ext
    end
  end
  return function(name)
    local relative = gsub(gsub(name, "%.", "/"), "%%", "%%%%")
    for i = 1, #patterns do
      local path = gsub(patterns[i], "%?", relative)
      local file = open(path)
      if file then
        return finish(file, handler(file, name, path))
      end
    end
  end
end


--- From now on require finds files with the extension; ext may carry a tag ("ext:tag") so that several handlers share an extension.
--- A handler that returns nil loads nothing. position: where in package.loaders.
function loadkit.register(ext, handler, position)
  assert(ext, "missing extension")
  assert(handler, "missing handler")
  local extension = find(ext, ":", 1, true) and match(ext, "^(.-):") or ext
  local load = loadkit.make_loader(extension, handler)
  local function loader(name)
    local value, err = load(name)
    if value == nil then
      return err or "could not load `" .. extension .. "` file"
    end
    return function()
      return value
    end
  end
  table.insert(package.loaders, position or 2, loader)
  registered[ext] = loader
  return true
end


--- true, or nil, err.
function loadkit.unregister(ext)
  local loader = registered[ext]
  if not loader then
    return nil, "can't find existing loader `" .. ext .. "`"
  end
  registered[ext] = nil
  for i, other in ipairs(package.loaders) do
    if other == loader then
      table.remove(package.loaders, i)
      return true
    end
  end
  return nil, "loader `" .. ext .. "` is no longer in searchers"
end


function loadkit.is_registered(ext)
  return registered[ext] ~= nil
end


return loadkit
