-- Brings configurations of formats 1.1 and 2.1 to 3.0: paths that look like a regex get the "~" that marks one now,
-- others lose their needless percent escapes. Used by kong.db.declarative. Must never judge a path.
local url = require "kong.db.schema.url"

local ipairs = ipairs
local type = type

local migrate = {}


local function migrate_path(path)
  if type(path) ~= "string" or path:sub(1, 1) == "~" then
    return path
  end
  -- Anything but unreserved characters, "/" and "%" made a path a regex.
  if path:find("[^%w%.%-_~/%%]") then
    return "~" .. path
  end
  return (path:gsub("%%%x%x", url.normalize_escape))
end


local function migrate_routes(routes)
  for _, route in ipairs(type(routes) == "table" and routes or {}) do
    local paths = type(route) == "table" and route.paths
    for i, path in ipairs(type(paths) == "table" and paths or {}) do
      paths[i] = migrate_path(path)
    end
  end
end


-- Changes the decoded configuration in place.
function migrate.run(input)
  local version = input._format_version
  if version ~= "1.1" and version ~= "2.1" then
    return
  end
  migrate_routes(input.routes)
  for _, service in ipairs(type(input.services) == "table" and input.services or {}) do
    if type(service) == "table" then
      migrate_routes(service.routes)
    end
  end
  input._format_version = "3.0"
end


return migrate
