-- Lets clients in, or keeps them out, by the groups they are in.
local groups = require "kong.plugins.acl.groups"
local meta = require "kong.meta"

local kong = kong
local concat = table.concat


local Acl = {
  PRIORITY = 950,
  VERSION = meta.version,
}


local EMPTY = {}


local function refuse()
  if kong.client.get_credential() then
    return kong.response.error(403, "You cannot consume this service")
  end
  return kong.response.error(401)
end


-- A set of groups and the header that tells the upstream about it; nil when there is no set.
local function find_groups(conf, consumer_id)
  if not consumer_id or conf.always_use_authenticated_groups or not kong.client.get_credential() then
    local set = groups.get_authenticated_groups()
    if set or not consumer_id then
      return set, "X-Authenticated-Groups"
    end
  end
  local set, err = groups.get_consumer_groups(consumer_id)
  if err then
    return error(err)
  end
  return set, "X-Consumer-Groups"
end


function Acl:access(conf)
  local denied = conf.deny and conf.deny[1] ~= nil and conf.deny or nil
  local consumer_id = groups.get_current_consumer_id()
  local set, header = find_groups(conf, consumer_id)
  if not set then
    if not denied or not consumer_id then
      return refuse()
    end
    set = EMPTY
  end

  local is_listed = groups.group_in_groups(denied or conf.allow or EMPTY, set)
  if is_listed == (denied ~= nil) then
    return kong.response.error(403, "You cannot consume this service")
  end
  if not conf.hide_groups_header then
    kong.service.request.set_header(header, concat(set, ", "))
  end
end


return Acl
