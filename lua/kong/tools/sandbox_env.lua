-- The globals of sandboxed code: functions that reach neither files nor other code's environment.
local error = error
local pairs = pairs
local setmetatable = setmetatable
local type = type

local sandbox_env = {}

local GLOBALS = "_VERSION assert error ipairs next pairs pcall select tonumber tostring type unpack xpcall"
local MODULES = {
  coroutine = "create resume running status wrap yield",
  math = "abs acos asin atan atan2 ceil cos cosh deg exp fmod floor frexp huge ldexp log log10 max min modf pi pow rad " ..
         "random sin sinh sqrt tan tanh",
  os = "clock date difftime time",
  string = "byte char find format gmatch gsub len lower match rep reverse sub upper",
  table = "concat insert maxn remove sort",
}


local function read_only(members, name)
  return setmetatable({}, {
    __index = members,
    __newindex = function(_, key)
      error("Can not modify " .. name .. "." .. tostring(key) .. ". Protected by the sandbox.")
    end,
  })
end


local base = {}
for name in GLOBALS:gmatch("%S+") do
  base[name] = _G[name]
end
for name, list in pairs(MODULES) do
  local members = {}
  for key in list:gmatch("%S+") do
    members[key] = _G[name][key]
  end
  base[name] = read_only(members, name)
end


-- A fresh set of globals; what `extra` has of the same name goes before.
function sandbox_env.new(extra)
  local env = {}
  for name, value in pairs(base) do
    local own = extra[name]
    if own == nil then
      own = value
    end
    env[name] = own
  end
  env._G = env
  return setmetatable(env, { __index = extra })
end


-- Makes `path` ("a.b.c") of `from` reachable in `to`; tables are shown, not handed over.
function sandbox_env.link(path, from, to)
  local head, rest = path:match("^([^.]+)%.?(.*)$")
  local value = head and from[head]
  if value == nil then
    return
  end
  if rest == "" then
    to[head] = type(value) == "table" and setmetatable({}, { __index = value }) or value
    return
  end
  to[head] = to[head] or {}
  return sandbox_env.link(rest, value, to[head])
end


return sandbox_env
