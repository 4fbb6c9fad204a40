-- The groups of the client: those of its consumer, or those that an authentication plugin found.
-- A set of groups is a table with the names in its array part and as keys.
local kong = kong
local type = type

local groups = {}


-- Sets by consumer; a consumer's table lives as long as its configuration.
local by_consumer = setmetatable({}, { __mode = "k" })


local function load(consumer_pk)
  local set, n = {}, 0
  for row, err in kong.db.acls:each_for_consumer(consumer_pk) do
    if err then
      return nil, err
    end
    n = n + 1
    set[n] = row.group
    set[row.group] = row.group
  end
  return set
end


-- consumer_id: text. A set, nil when the consumer is in no group; nil and an error.
function groups.get_consumer_groups(consumer_id)
  local consumer = kong.client.get_consumer()
  local is_current = consumer and consumer.id == consumer_id
  local set = is_current and by_consumer[consumer]
  if not set then
    local err
    set, err = load({ id = consumer_id })
    if not set then
      return nil, err
    end
    if is_current then
      by_consumer[consumer] = set
    end
  end
  if set[1] == nil then
    return nil
  end
  return set
end


function groups.get_current_consumer_id()
  local consumer = kong.client.get_consumer()
  if consumer then
    return consumer.id
  end
  local credential = kong.client.get_credential()
  return credential and credential.consumer_id
end


-- Groups that an authentication plugin left in the context, as a set; nil when it left none.
function groups.get_authenticated_groups()
  local names = kong.ctx.shared.authenticated_groups
  if type(names) ~= "table" then
    names = ngx.ctx.authenticated_groups
    if names == nil then
      return nil
    end
    if type(names) ~= "table" then
      kong.log.warn("invalid authenticated_groups, a table was expected")
      return nil
    end
  end
  local set = {}
  for i = 1, #names do
    set[i] = names[i]
    set[names[i]] = names[i]
  end
  return set
end


-- Is one of the listed groups in the set?
function groups.group_in_groups(list, set)
  for i = 1, #list do
    if set[list[i]] then
      return true
    end
  end
  return false
end


groups.consumer_in_groups = groups.group_in_groups


return groups
