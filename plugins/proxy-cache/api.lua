local strategies = require "kong.plugins.proxy-cache.strategies"

local kong = kong

local MISSING = "request object not in cache"


local function strategy_of(plugin)
  local conf = plugin.config
  return strategies({ strategy_name = conf.strategy, strategy_opts = conf[conf.strategy] })
end


-- Other nodes of a cluster keep what they have in their own memory.
local function tell_others(plugin, cache_key)
  if not strategies.LOCAL_DATA_STRATEGIES[plugin.config.strategy] or not kong.cluster_events then
    return
  end
  local ok, err = kong.cluster_events:broadcast("proxy-cache:purge", plugin.id .. ":" .. (cache_key or "nil"))
  if not ok then
    kong.log.err("failed broadcasting proxy cache purge to cluster: ", err)
  end
end


-- Calls fn(plugin, strategy) for each configuration of the plugin until it returns something.
local function each_cache(fn)
  for plugin, err in kong.db.plugins:each() do
    if err then
      return kong.response.exit(500, { message = err })
    end
    if plugin.name == "proxy-cache" then
      local result = fn(plugin, strategy_of(plugin))
      if result then
        return result
      end
    end
  end
end


-- The answer under a key; ends the request when that cannot be told.
local function fetch(strategy, cache_key)
  local answer, err = strategy:fetch(cache_key)
  if not answer and err ~= MISSING then
    return kong.response.exit(500, { message = err })
  end
  return answer
end


local function purge(plugin, strategy, cache_key)
  local ok, err = strategy:purge(cache_key)
  if not ok then
    return kong.response.exit(500, { message = err })
  end
  tell_others(plugin, cache_key)
  return kong.response.exit(204)
end


-- The configuration that the path names.
local function named_plugin(self)
  local plugin, err = kong.db.plugins:select({ id = self.params.plugin_id })
  if err then
    return kong.response.exit(500, { message = err })
  end
  return plugin or kong.response.exit(404)
end


return {
  ["/proxy-cache"] = {
    resource = "proxy-cache",

    DELETE = function()
      each_cache(function(plugin, strategy)
        local ok, err = strategy:flush(true)
        if not ok then
          return kong.response.exit(500, { message = err })
        end
        tell_others(plugin)
      end)
      return kong.response.exit(204)
    end,
  },

  ["/proxy-cache/:cache_key"] = {
    resource = "proxy-cache",

    GET = function(self)
      local answer = each_cache(function(_, strategy)
        return fetch(strategy, self.params.cache_key)
      end)
      return kong.response.exit(answer and 200 or 404, answer)
    end,

    DELETE = function(self)
      each_cache(function(plugin, strategy)
        if fetch(strategy, self.params.cache_key) then
          return purge(plugin, strategy, self.params.cache_key)
        end
      end)
      return kong.response.exit(404)
    end,
  },

  ["/proxy-cache/:plugin_id/caches/:cache_key"] = {
    resource = "proxy-cache",

    GET = function(self)
      local answer = fetch(strategy_of(named_plugin(self)), self.params.cache_key)
      return kong.response.exit(answer and 200 or 404, answer)
    end,

    DELETE = function(self)
      local plugin = named_plugin(self)
      local strategy = strategy_of(plugin)
      if not fetch(strategy, self.params.cache_key) then
        return kong.response.exit(404)
      end
      return purge(plugin, strategy, self.params.cache_key)
    end,
  },
}
