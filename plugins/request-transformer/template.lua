-- Values with $(expressions), evaluated against the request: headers, query_params, uri_captures, shared.
-- Used by the schema and the handler. Expressions never see more than the sandbox that kong.conf asks for.
local pl_template = require "pl.template"

local kong = kong
local error = error
local find = string.find
local rawset = rawset
local setmetatable = setmetatable

local template = {}

-- Penlight also takes lines that begin with an escape character for code: no text begins with this one.
local OPTIONS = { escape = "\255" }
local OFF = "loading of untrusted Lua code disabled because 'untrusted_lua' config option is set to 'off'"


-- true | nil, err
function template.check(text)
  local ok, compiled, err = pcall(pl_template.compile, text, OPTIONS)
  if not ok or err then
    return nil, ok and err or compiled
  end
  return true
end


local loaders = {}


function loaders.headers()
  return kong.request.get_headers() or {}
end


function loaders.query_params()
  return kong.request.get_query() or {}
end


function loaders.uri_captures()
  local matches = ngx.ctx.router_matches
  return matches and matches.uri_captures or {}
end


function loaders.shared()
  return kong.ctx.shared or {}
end


local function sandbox()
  return require("kong.tools.sandbox").configuration
end


local view_mt = {}


function view_mt.__index(view, key)
  local load = loaders[key]
  if load then
    local value = load()
    rawset(view, key, value)
    return value
  end
  local conf = sandbox()
  if not conf.sandbox_enabled then
    return _G[key]
  end
  if key == "type" then
    return type
  end
  return conf.environment[key]
end


function view_mt.__newindex()
  error("This environment is read-only.")
end


-- What expressions of one request see; parts are loaded when they are first used.
function template.new_view()
  return setmetatable({}, view_mt)
end


local compiled = {}

local function compile(text)
  local result = assert(pl_template.compile(text, OPTIONS))
  compiled[text] = result
  return result
end


-- The text with its expressions evaluated. Raises on errors in expressions.
function template.render(text, view)
  if not find(text, "$(", 1, true) then
    return text
  end
  local result, err
  if sandbox().enabled then
    result, err = (compiled[text] or compile(text)):render(view)
  else
    err = find(text, "%$%(.*%)") and OFF
    result = text
  end
  if err then
    return error("[request-transformer] failed to render the template " .. text .. ", error:" .. err)
  end
  return result
end


return template
