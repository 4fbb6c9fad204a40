-- kong.cluster_events: events between nodes. A node without a database has none to tell, so broadcasts end here.
local type = type

local cluster_events = {}
local mt = { __index = cluster_events }


function cluster_events.new()
  return setmetatable({ callbacks = {} }, mt)
end


-- true | nil, err.
function cluster_events:broadcast(channel, data)
  if type(channel) ~= "string" then
    return nil, "channel must be a string"
  end
  if type(data) ~= "string" then
    return nil, "data must be a string"
  end
  return true
end


function cluster_events:subscribe(channel, callback)
  if type(channel) ~= "string" then
    error("channel must be a string", 2)
  end
  if type(callback) ~= "function" then
    error("callback must be a function", 2)
  end
  local list = self.callbacks[channel]
  if not list then
    list = {}
    self.callbacks[channel] = list
  end
  list[#list + 1] = callback
  return true
end


return cluster_events
