-- Builds the global `kong` that plugins use: one namespace per file of this folder. Namespaces that a request touches
-- are loaded at once (before workers are forked, so that they share the memory), the others when first asked for.
-- Must never read request data itself.
local ngx = ngx
local rawget = rawget
local rawset = rawset
local setmetatable = setmetatable
local type = type

local meta = require "kong.meta"

local pdk = {}

local EAGER = { "table", "ctx", "ip", "client", "request", "response", "service", "router", "plugin" }
local LAZY = {
  cluster = true,
  nginx = true,
  node = true,
  telemetry = true,
  tracing = true,
  vault = true,
}


-- A read-only view of the settings.
local function new_configuration(conf)
  return setmetatable({
    remove_sensitive = function()
      return require("kong.conf").public(conf)
    end,
  }, {
    __index = function(_, name)
      return conf[name]
    end,
    __newindex = function()
      error("cannot write to configuration", 2)
    end,
  })
end


-- True in phases that have an ngx.ctx.
local has_ctx = function()
  return ngx.get_phase() ~= "init"
end


-- 3.9.3 -> 3009003.
local function version_num()
  local version = meta._VERSION_TABLE
  return tonumber(("%d%02d%02d"):format(version.major * 100, version.minor * 10, version.patch))
end


local mt = {}


function mt.__index(self, name)
  if name == "log" then
    return has_ctx() and ngx.ctx.KONG_LOG or rawget(self, "_log")
  end
  if LAZY[name] then
    local namespace = require("kong.pdk." .. name).new(self)
    rawset(self, name, namespace)
    return namespace
  end
  return nil
end


-- conf: the settings as kong.conf gives them, or nil. `self` is the table to fill, a new one by default.
function pdk.new(conf, self)
  if conf ~= nil and type(conf) ~= "table" then
    error("kong_config must be a table", 2)
  end
  self = self or {}
  self.version = meta.version
  self.version_num = version_num()
  self.configuration = new_configuration(conf or {})
  self._log = require("kong.pdk.log").new()
  setmetatable(self, mt)
  for i = 1, #EAGER do
    local name = EAGER[i]
    self[name] = require("kong.pdk." .. name).new(self)
  end
  if ngx.config.subsystem == "http" then
    self.client.tls = require("kong.pdk.client.tls").new(self)
  end
  return self
end


return pdk
