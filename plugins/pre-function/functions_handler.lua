-- The handler that pre-function and post-function share: runs the functions of a configuration, sandboxed.
local meta = require "kong.meta"
local sandbox = require("kong.tools.sandbox").sandbox

local assert = assert
local type = type


local PHASES = { "certificate", "rewrite", "access", "header_filter", "body_filter", "log" }


-- A view of kong.cache whose keys cannot meet those of other plugins.
local function own_cache()
  local cache = {}
  for _, name in ipairs { "get", "probe", "renew", "invalidate", "invalidate_local" } do
    cache[name] = function(_, key, ...)
      return kong.cache[name](kong.cache, "serverless:" .. tostring(key), ...)
    end
  end
  return cache
end


local environment

local function sandbox_options()
  if not environment then
    local conf = kong.configuration
    environment = {
      ngx = ngx,
      kong = setmetatable({
        cache = own_cache(),
        configuration = conf and conf.remove_sensitive and conf.remove_sensitive() or conf,
      }, { __index = kong }),
    }
  end
  return { env = environment }
end


-- Code may be the function's body, or may return the function to call from then on.
-- The first call can end the request and never come back: until code has returned once nothing is known,
-- so that the second call runs the code again and takes it for the body.
local function compile(code)
  local fn = assert(sandbox(code, sandbox_options()))
  local is_first, is_settled = true, false
  return function()
    if is_settled or not is_first then
      is_settled = true
      fn()
      return
    end
    is_first = false
    local result = fn()
    is_settled = true
    if type(result) == "function" then
      fn = result
      fn()
    end
  end
end


-- Lists of compiled functions by phase of a configuration; nil for phases without code.
local compiled = setmetatable({}, { __mode = "k" })

local function compile_all(conf)
  local phases = {}
  for _, phase in ipairs(PHASES) do
    local codes = conf[phase]
    if codes and codes[1] then
      local list = {}
      for i, code in ipairs(codes) do
        list[i] = compile(code)
      end
      phases[phase] = list
    end
  end
  compiled[conf] = phases
  return phases
end


local function runner(phase)
  return function(_, conf)
    local list = (compiled[conf] or compile_all(conf))[phase]
    if list then
      for i = 1, #list do
        list[i]()
      end
    end
  end
end


return function(priority)
  local handler = {
    PRIORITY = priority,
    VERSION = meta.version,
  }
  for _, phase in ipairs(PHASES) do
    handler[phase] = runner(phase)
  end
  return handler
end
