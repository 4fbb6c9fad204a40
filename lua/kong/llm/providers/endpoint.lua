-- URLs of models.
local type = type

local endpoint = {}


-- A base and paths by route type; upstream_url and upstream_path of the model go first.
function endpoint.new(base, paths)
  return function(model, route_type)
    local options = model.options or {}
    if options.upstream_url then
      return options.upstream_url
    end
    return (type(base) == "function" and base(options) or base) .. (options.upstream_path or paths[route_type] or "/")
  end
end


return endpoint
