-- The node's id in its prefix and the machine's name.
local uuid = require "kong.tools.uuid"

local private = {}

local FILE = "/kong.id"


-- The id of an earlier start, nil when there is none.
function private.load_node_id(prefix)
  local file = prefix and io.open(prefix .. FILE, "r")
  if not file then
    return nil
  end
  local id = file:read("*l")
  file:close()
  return uuid.is_valid_uuid(id) and id or nil
end


-- true | nil, err. Data planes keep their id so that the control plane knows them again.
function private.save_node_id(prefix, id)
  local file, err = io.open(prefix .. FILE, "w")
  if not file then
    return nil, err
  end
  file:write(id)
  file:close()
  return true
end


-- `init_node_id` of a data plane: loads the id or makes and saves one.
function private.init_node_id(conf)
  if conf.role ~= "data_plane" or (conf.node_id and conf.node_id ~= "") then
    return true
  end
  if private.load_node_id(conf.prefix) then
    return true
  end
  return private.save_node_id(conf.prefix, uuid.uuid())
end


function private.hostname()
  return require("kong.tools.system").get_system_infos().hostname or "unknown"
end


return private
