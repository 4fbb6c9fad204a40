-- The balancer by the module name that plugins written for Kong require.
local balancer = require "kong.balancer"


local function get_upstream_by_name(name)
  return kong.db.upstreams:select_by_name(name)
end


-- { [target] = { addresses = { { ip, port, health, weight }, ... } } } | nil, err.
local function get_upstream_health(upstream_id)
  local health, err = balancer.get_upstream_health(upstream_id)
  if not health then
    return nil, err
  end
  local out = {}
  for target, info in pairs(health) do
    out[target] = { addresses = info.data and info.data.addresses or {}, health = info.health }
  end
  return out
end


return setmetatable({ get_upstream_health = get_upstream_health, get_upstream_by_name = get_upstream_by_name }, { __index = balancer })
