-- The Admin API: builds the table of paths from the entities, the fixed paths and the plugins' api.lua files when the
-- first request comes, and serves requests on the admin listeners. Called by kong.runloop in the content phase.
-- Must never be on the way of a proxied request.
local entities = require "kong.api.entities"
local server = require "kong.api.server"

local ipairs = ipairs
local next = next
local pairs = pairs
local require = require
local type = type

local api = {}

local app


-- One entry of a plugin's api.lua: ["/path"] = { schema =, methods = { GET = fn ... } }.
local function add_plugin_paths(router, module)
  for path, definition in pairs(module) do
    if type(path) == "string" and path:sub(1, 1) == "/" and type(definition) == "table" then
      local methods = {}
      for name, fn in pairs(definition.methods or definition) do
        methods[name] = fn
      end
      if next(methods) ~= nil then
        methods.plugin_style = true
        router:add(path, methods, type(definition.schema) == "table" and definition.schema or nil)
      end
    end
  end
end


-- Registers the paths of kong.plugins.<name>.<file> for every loaded plugin that has one.
function api.add_plugins(router, db, file)
  local load_if_exists = require("kong.db.plugins").load_if_exists
  for _, plugin in ipairs(db.loaded_plugins or {}) do
    local found, module = load_if_exists("kong.plugins." .. plugin.name .. "." .. file)
    if found == nil then
      ngx.log(ngx.ERR, module)
    elseif found and type(module) == "table" then
      add_plugin_paths(router, module)
    end
  end
end


local function build(db)
  local router = require("kong.api.router").new()
  for _, info in ipairs(db.entities:sorted()) do
    if entities.is_served(info.schema) then
      entities.register(router, db, info)
    end
  end
  require("kong.api.routes.status").register(router, true)
  require("kong.api.routes.schemas").register(router)
  require("kong.api.routes.node").register(router)
  require("kong.api.routes.clustering").register(router)
  require("kong.api.routes.config").register(router)
  require("kong.api.routes.overrides").register(router)
  api.add_plugins(router, db, "api")
  return { router = router, db = db, helpers = require "kong.api.helpers" }
end


-- Answers the running request.
function api.handle()
  local db = kong.db
  if not app or app.db ~= db then
    app = build(db)
  end
  local gui = kong.configuration and kong.configuration.admin_gui_url
  return server.serve(app, {
    cors = true, credentials = true, allowed_origin = type(gui) == "string" and gui ~= "" and gui or nil,
  })
end


api.serve = api.handle


return api
