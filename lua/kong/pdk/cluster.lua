-- kong.cluster: the id that all nodes on one database share; a node without a database has none unless its configuration
-- names one.

-- id | nil, err.
local function get_id()
  local parameters = kong.db and kong.db.parameters
  if not parameters then
    return nil
  end
  local found, err = parameters:select({ key = "cluster_id" })
  if err then
    return nil, err
  end
  return found and found.value
end


return {
  new = function()
    return { get_id = get_id }
  end,
}
