-- kong.log: levelled logging with the position of the caller and, in plugins, the plugin's name. A facility is made once
-- per name; while a plugin's handler runs, kong.log is that plugin's (ngx.ctx.KONG_LOG, see kong.pdk).
-- Must never format a message that the level drops.
local errlog = require "ngx.errlog"
local format = require "kong.pdk.private.format"
local phases = require "kong.pdk.private.phases"

local check_phase = phases.check
local concat = table.concat
local error = error
local get_level = errlog.get_sys_filter_level
local ngx = ngx
local raw_log = errlog.raw_log
local render = format.render
local select = select
local tostring = tostring
local type = type

local PHASES = phases.phases
local ALL_WITH_CTX = phases.new(PHASES.rewrite, PHASES.access, PHASES.header_filter, PHASES.response,
                                PHASES.body_filter, PHASES.log)

local PREFIX = "[kong] "
local CORE_FORMAT = "%file_src:%line_src %message"
local PLUGIN_FORMAT = "%file_src:%line_src [%namespace] %message"
local BOX_WIDTH = 120

local LEVELS = {
  debug = ngx.DEBUG,
  info = ngx.INFO,
  notice = ngx.NOTICE,
  warn = ngx.WARN,
  err = ngx.ERR,
  crit = ngx.CRIT,
  alert = ngx.ALERT,
  emerg = ngx.EMERG,
}
local MODES = { set = true, add = true, replace = true }

-- `observer(level, ...)` sees every message that is written; set by kong.telemetry's users.
local log = { observer = false }


local function join(n, ...)
  if n == 1 then
    return tostring((...))
  end
  local texts = { ... }
  for i = 1, n do
    texts[i] = tostring(texts[i])
  end
  return concat(texts, "", 1, n)
end


-- `self.compiled` is the facility's format; its writers look at it on every call, so set_format works on references that
-- plugins keep.
local function new_writer(private, level)
  return function(...)
    if level > get_level() then
      return
    end
    raw_log(level, render(private.compiled, 2, join(select("#", ...), ...)))
    if log.observer then
      log.observer(level, ...)
    end
  end
end


local function new_inspect(namespace)
  local header = format.compile(PREFIX .. "%file_src:%func_name:%line_src [%namespace]", namespace)
  local is_on = true
  local inspect = {}

  local function print_values(_, ...)
    if not is_on or LEVELS.notice > get_level() then
      return
    end
    local to_text = require "inspect"
    local texts = { ... }
    for i = 1, select("#", ...) do
      texts[i] = to_text(texts[i])
    end
    local lines = format.box(render(header, 2), concat(texts, " "), BOX_WIDTH)
    for i = 1, #lines do
      raw_log(LEVELS.notice, lines[i])
    end
  end

  function inspect.on()
    is_on = true
  end

  function inspect.off()
    is_on = false
  end

  inspect.print = function(...)
    return print_values(inspect, ...)
  end

  return setmetatable(inspect, { __call = print_values })
end


-- kong.log.deprecation(message..., { after =, removal =, trace = }).
local function new_deprecation(private)
  local function write(_, ...)
    local n = select("#", ...)
    local options = select(n, ...)
    if type(options) == "table" then
      n = n - 1
    else
      options = nil
    end
    local texts = { join(n, ...) }
    if options and options.after then
      texts[#texts + 1] = " (deprecated after " .. options.after
      texts[#texts + 1] = options.removal and ", scheduled for removal in " .. options.removal .. ")" or ")"
    end
    if options and options.trace then
      texts[#texts + 1] = "\n" .. debug.traceback("", 2)
    end
    if LEVELS.warn <= get_level() then
      raw_log(LEVELS.warn, render(private.compiled, 2, concat(texts)))
    end
  end
  return setmetatable({ write = write }, { __call = write })
end


local function set_serialize_value(key, value, options)
  check_phase(ALL_WITH_CTX)
  if type(key) ~= "string" then
    error("key must be a string", 2)
  end
  local mode = options and options.mode or "set"
  if not MODES[mode] then
    error("mode must be 'set', 'add' or 'replace'", 2)
  end
  local ctx = (options and options.ngx or ngx).ctx
  local list = ctx.serialize_values
  if not list then
    list = {}
    ctx.serialize_values = list
  end
  list[#list + 1] = { key = key, value = value, mode = mode }
end


local function serialize(options)
  check_phase(PHASES.log)
  return require("kong.pdk.private.serializer").serialize(options)
end


local facility_mt = {}
facility_mt.__index = facility_mt


function facility_mt.__call(self, ...)
  -- A tail call: the writer reports the position of the function that called it.
  return self.notice(...)
end


local function make(namespace, text)
  local private = {}
  local self = {
    set_serialize_value = set_serialize_value,
    serialize = serialize,
    inspect = new_inspect(namespace),
    deprecation = new_deprecation(private),
  }

  function self.set_format(new_text)
    if new_text and type(new_text) ~= "string" then
      error("format must be a string", 2)
    end
    private.compiled = format.compile(PREFIX .. (new_text or PLUGIN_FORMAT), namespace)
  end

  self.set_format(text)
  for name, level in pairs(LEVELS) do
    self[name] = new_writer(private, level)
  end
  return setmetatable(self, facility_mt)
end


function facility_mt.new(namespace, text)
  if type(namespace) ~= "string" then
    error("namespace must be a string", 2)
  end
  if namespace == "" then
    error("namespace cannot be an empty string", 2)
  end
  if text ~= nil and text ~= false then
    if type(text) ~= "string" then
      error("format must be a string if specified", 2)
    end
    if text == "" then
      error("format cannot be an empty string if specified", 2)
    end
  end
  return make(namespace, text)
end


function log.new()
  return make("core", CORE_FORMAT)
end


return log
