-- kong.ctx: tables that live as long as the request (or timer run). `shared` is one for all plugins, `plugin` one for
-- each plugin, `core` is the gateway's own. They are made on first use and hang on ngx.ctx.
-- Must never keep a table here.
local error = error
local ngx = ngx
local setmetatable = setmetatable

local SHARED = "KONG_CTX_SHARED"
local CORE = "KONG_CTX_CORE"
local PLUGINS = "KONG_CTX_PLUGINS"


local function table_at(ctx, key)
  local found = ctx[key]
  if not found then
    found = {}
    ctx[key] = found
  end
  return found
end


-- The running plugin's table, nil outside of plugins. All instances of a plugin share one: the key is the handler.
local function plugin_table(ctx)
  local handler = ctx.plugin_handler
  if not handler then
    return nil
  end
  return table_at(table_at(ctx, PLUGINS), handler)
end


local mt = {}


function mt.__index(_, name)
  local ctx = ngx.ctx
  if name == "shared" then
    return table_at(ctx, SHARED)
  end
  if name == "plugin" then
    return plugin_table(ctx)
  end
  if name == "core" then
    return table_at(ctx, CORE)
  end
  return nil
end


function mt.__newindex(_, name, value)
  if type(value) ~= "table" then
    error("cannot set kong.ctx." .. tostring(name) .. " to a " .. type(value) .. ": a table expected", 2)
  end
  local ctx = ngx.ctx
  if name == "shared" then
    ctx[SHARED] = value
  elseif name == "core" then
    ctx[CORE] = value
  elseif name == "plugin" and ctx.plugin_handler then
    table_at(ctx, PLUGINS)[ctx.plugin_handler] = value
  end
end


return {
  new = function()
    return setmetatable({}, mt)
  end,
}
