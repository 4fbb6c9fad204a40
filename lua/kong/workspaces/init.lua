-- Workspaces as plugins ask for them: an open-source gateway has the one named "default".
local constants = require "kong.constants"

local ngx = ngx

local workspaces = {}

local DEFAULT_ID = constants.DECLARATIVE_DEFAULT_WORKSPACE_ID
local DEFAULT_NAME = "default"


function workspaces.get_workspace_id(ctx)
  return (ctx or ngx.ctx).workspace or kong and kong.default_workspace or DEFAULT_ID
end


function workspaces.set_workspace(workspace)
  ngx.ctx.workspace = workspace and workspace.id
end


function workspaces.get_workspace()
  return { id = workspaces.get_workspace_id(), name = DEFAULT_NAME }
end


function workspaces.get_workspace_name()
  return DEFAULT_NAME
end


return workspaces
