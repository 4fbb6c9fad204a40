-- Where answers can be kept. A strategy has new(options) and, on what that returns, store, fetch, purge, flush.
local strategies = {
  STRATEGY_TYPES = { "memory" },
  LOCAL_DATA_STRATEGIES = { memory = true, [1] = "memory" },
}


-- args: {strategy_name =, strategy_opts =}
return setmetatable(strategies, {
  __call = function(_, args)
    return require("kong.plugins.proxy-cache.strategies." .. args.strategy_name).new(args.strategy_opts)
  end,
})
