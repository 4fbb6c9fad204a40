-- The balancer by the module name that plugins written for Kong require.
local balancer = require "kong.balancer"


local function get_upstream_by_name(name)
  return kong.db.upstreams:select_by_name(name)
end


return setmetatable({ get_upstream_by_name = get_upstream_by_name }, { __index = balancer })
