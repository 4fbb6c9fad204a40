-- Lua code from configurations (untrusted_lua): off, in a sandbox, or with everything. The sandbox sees a choice of pure
-- functions, what the caller adds and what untrusted_lua_sandbox_requires and _environment allow.
local sandbox_env = require "kong.tools.sandbox_env"

local assert = assert
local error = error
local fmt = string.format
local load = load
local pcall = pcall
local rawget = rawget
local rawset = rawset
local setmetatable = setmetatable
local type = type

local sandbox = {}

local OFF = "loading of untrusted Lua code disabled because 'untrusted_lua' config option is set to 'off'"


local function setting(name)
  local kong = rawget(_G, "kong")
  return kong and kong.configuration and kong.configuration[name]
end


local readers = {}


function readers.enabled()
  local mode = setting("untrusted_lua")
  return mode ~= nil and mode ~= "off"
end


function readers.sandbox_enabled()
  return setting("untrusted_lua") == "sandbox"
end


-- Modules that may be required, as a set.
function readers.requires()
  local allowed = {}
  for _, name in ipairs(setting("untrusted_lua_sandbox_requires") or {}) do
    allowed[name] = true
  end
  return allowed
end


function readers.env_vars()
  return setting("untrusted_lua_sandbox_environment") or {}
end


-- The globals that the settings allow.
function readers.environment(self)
  local env = {
    require = function(name)
      if not self.requires[name] then
        error(fmt("require '%s' not allowed within sandbox", name))
      end
      return require(name)
    end,
  }
  for _, path in ipairs(self.env_vars) do
    sandbox_env.link(path, _G, env)
  end
  return env
end


-- What the settings say, read when first asked for.
sandbox.configuration = setmetatable({
  err_msg = OFF,
  clear = function(self)
    for name in pairs(readers) do
      rawset(self, name, nil)
    end
  end,
}, {
  __index = function(self, name)
    local read = readers[name]
    if not read then
      return nil
    end
    local value = read(self)
    rawset(self, name, value)
    return value
  end,
})


-- The code as a function; raises when it does not compile or may not be loaded. opts: env, mode, chunk_name.
function sandbox.sandbox(code, opts)
  local configuration = sandbox.configuration
  if not configuration.enabled then
    error(OFF)
  end
  local env = opts and opts.env or {}
  local chunk_name = opts and opts.chunk_name
  if not configuration.sandbox_enabled then
    setmetatable(env, { __index = _G })
    return assert(load(code, chunk_name, opts and opts.mode or "t", env))
  end
  setmetatable(env, { __index = configuration.environment })
  return assert(load(code, chunk_name, "t", sandbox_env.new(env)))
end


-- The function that the code returns | false, err.
function sandbox.validate_function(code, opts)
  local ok, chunk = pcall(sandbox.sandbox, code, opts)
  if not ok then
    return false, "Error parsing function: " .. chunk
  end
  local fn
  ok, fn = pcall(chunk)
  if not ok then
    return false, fn
  end
  if type(fn) ~= "function" then
    return false, "Bad return value from function, expected function type, got " .. type(fn)
  end
  return fn
end


function sandbox.validate(code, opts)
  local _, err = sandbox.validate_function(code, opts)
  if err then
    return false, err
  end
  return true
end


-- As validate, without running anything.
function sandbox.validate_safe(code, opts)
  local ok, err = pcall(sandbox.sandbox, code, opts)
  if not ok then
    return false, "Error parsing function: " .. err
  end
  return true
end


function sandbox.parse(code, opts)
  return assert(sandbox.validate_function(code, opts))
end


return sandbox
