-- Upstreams by the module name that plugins written for Kong require.
local constants = require "kong.constants"

local upstreams = {}


-- { ["workspace:name"] = id }
function upstreams.get_all_upstreams()
  local all = {}
  for upstream in kong.db.upstreams:each() do
    all[constants.DECLARATIVE_DEFAULT_WORKSPACE_ID .. ":" .. upstream.name] = upstream.id
  end
  return all
end


function upstreams.get_upstream_by_name(name)
  return kong.db.upstreams:select_by_name(name)
end


function upstreams.get_upstream_by_id(id)
  return kong.db.upstreams:select({ id = id })
end


return upstreams
