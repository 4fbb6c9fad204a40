-- kong.ctx: tables that live as long as the request (or timer run). `shared` is one for all plugins, `plugin` one for
-- each plugin, `core` is the gateway's own. They are made on first use and hang on ngx.ctx.
-- What is assigned to a name is what every plugin reads under it from then on, `plugin` too, as in Kong; but there it stays
-- until the worker ends and shows one client's data to the next, here it goes with the request.
local error = error
local ngx = ngx
local setmetatable = setmetatable

local SHARED = "KONG_CTX_SHARED"
local CORE = "KONG_CTX_CORE"
local PLUGINS = "KONG_CTX_PLUGINS"
local OTHERS = "KONG_CTX_OTHERS"
local RESERVED = { shared = true, plugin = true, core = true }


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
  local others = ctx[OTHERS]
  return others and others[name]
end


local function same_for_all(value)
  return setmetatable({}, {
    __index = function()
      return value
    end,
  })
end


function mt.__newindex(_, name, value)
  local ctx = ngx.ctx
  if not RESERVED[name] then
    table_at(ctx, OTHERS)[name] = value
  elseif value == nil then
    return
  elseif type(value) ~= "table" then
    error("cannot set kong.ctx." .. name .. " to a " .. type(value) .. ": a table expected", 2)
  elseif name == "plugin" then
    ctx[PLUGINS] = same_for_all(value)
  else
    ctx[name == "shared" and SHARED or CORE] = value
  end
end


return {
  new = function()
    return setmetatable({}, mt)
  end,
}
