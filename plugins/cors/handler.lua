-- Answers preflight requests and adds the headers with which browsers let scripts of other origins in.
local lrucache = require "resty.lrucache"
local meta = require "kong.meta"
local url = require "socket.url"

local kong = kong
local ngx = ngx
local concat = table.concat


local ALL_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT"
local PLAIN_ORIGIN = "^[%w.:/-]+$"


local Cors = {
  PRIORITY = 2000,
  VERSION = meta.version,
}


-- Compiled configurations, and origins of requests that were taken apart already.
local compiled = setmetatable({}, { __mode = "k" })
local parsed_origins = lrucache.new(10000)


-- {full =, host =}: scheme, host and a port that is not the scheme's own; the host alone.
local function parse_origin(text)
  local parts = url.parse(text)
  local host = parts and parts.host
  if not host then
    return { full = text, host = text }
  end
  local port = parts.port
  if parts.scheme == "http" and port == "80" or parts.scheme == "https" and port == "443" then
    port = nil
  end
  local full = (parts.scheme and parts.scheme .. "://" or "") .. host .. (port and ":" .. port or "")
  return { full = full, host = host }
end


local function compile_origin(text)
  if text:find(PLAIN_ORIGIN) then
    return { full = parse_origin(text).full }
  end
  -- A regular expression has to match the whole origin, or the whole host when it names no scheme or port.
  local pattern = text:gsub("^%^", "")
  if pattern:sub(-1) ~= "$" then
    pattern = pattern .. "$"
  end
  return { pattern = pattern, subject = text:find(":", 1, true) and "full" or "host" }
end


local function compile(conf)
  local origins = conf.origins or {}
  local plan = {
    any = #origins == 0 or #origins == 1 and origins[1] == "*",
    only = #origins == 1 and origins[1]:find(PLAIN_ORIGIN) and origins[1],
    methods = conf.methods and concat(conf.methods, ",") or ALL_METHODS,
    headers = conf.headers and #conf.headers > 0 and concat(conf.headers, ","),
    exposed = conf.exposed_headers and #conf.exposed_headers > 0 and concat(conf.exposed_headers, ","),
    max_age = conf.max_age and tostring(conf.max_age),
    rules = {},
  }
  for i, origin in ipairs(origins) do
    plan.rules[i] = compile_origin(origin)
    plan.has_star = plan.has_star or origin == "*"
  end
  compiled[conf] = plan
  return plan
end


local function origin_parts(origin)
  local parts = parsed_origins:get(origin)
  if not parts then
    parts = parse_origin(origin)
    parsed_origins:set(origin, parts)
  end
  return parts
end


local function rule_matches(rule, parts)
  if rule.full then
    return rule.full == parts.full
  end
  local from, _, err = ngx.re.find(parts[rule.subject], rule.pattern, "ajo")
  if err then
    kong.log.err("cannot match an origin against '", rule.pattern, "': ", err)
  end
  return from ~= nil
end


-- The value of Access-Control-Allow-Origin for this request, or nil; true when every origin is allowed.
local function allowed_origin(plan)
  if plan.any then
    return "*", true
  end
  if plan.only then
    return plan.only
  end
  local origin = kong.request.get_header("origin")
  if not origin then
    return nil
  end
  if plan.has_star then
    return "*", true
  end
  local parts = origin_parts(origin)
  for _, rule in ipairs(plan.rules) do
    if rule_matches(rule, parts) then
      return parts.full
    end
  end
end


local function vary_by_origin(is_filter)
  if is_filter then
    kong.response.add_header("Vary", "Origin")
  else
    kong.response.set_header("Vary", "Origin")
  end
end


-- is_filter: an answer of the upstream is being amended, whose Vary has to be kept.
local function set_origin(conf, plan, is_filter)
  local origin, is_any = allowed_origin(plan)
  if not plan.any then
    vary_by_origin(is_filter)
  end
  if origin then
    kong.response.set_header("Access-Control-Allow-Origin", origin)
  else
    kong.response.clear_header("Access-Control-Allow-Origin")
  end
  if not conf.credentials then
    return
  end
  if is_any then
    -- Browsers refuse credentials together with *: the request's own origin has to be named.
    origin = kong.request.get_header("origin")
    if not origin then
      return
    end
    vary_by_origin(is_filter)
    kong.response.set_header("Access-Control-Allow-Origin", origin)
  end
  kong.response.set_header("Access-Control-Allow-Credentials", "true")
end


local function is_preflight()
  return kong.request.get_method() == "OPTIONS"
         and kong.request.get_header("Origin")
         and kong.request.get_header("Access-Control-Request-Method")
end


function Cors:access(conf)
  if not is_preflight() then
    return
  end
  -- Whoever answers the preflight, the headers of ordinary answers do not belong to it.
  kong.ctx.plugin.is_preflight = true
  if conf.preflight_continue then
    return
  end

  local plan = compiled[conf] or compile(conf)
  local set_header = kong.response.set_header
  set_origin(conf, plan, false)
  local headers = plan.headers or kong.request.get_header("Access-Control-Request-Headers")
  if headers then
    set_header("Access-Control-Allow-Headers", headers)
  else
    kong.response.clear_header("Access-Control-Allow-Headers")
  end
  set_header("Access-Control-Allow-Methods", plan.methods)
  if plan.max_age then
    set_header("Access-Control-Max-Age", plan.max_age)
  end
  if conf.private_network and kong.request.get_header("Access-Control-Request-Private-Network") == "true" then
    set_header("Access-Control-Allow-Private-Network", "true")
  end
  return kong.response.exit(200)
end


function Cors:header_filter(conf)
  if kong.ctx.plugin.is_preflight then
    return
  end
  local plan = compiled[conf] or compile(conf)
  set_origin(conf, plan, true)
  if plan.exposed then
    kong.response.set_header("Access-Control-Expose-Headers", plan.exposed)
  end
end


return Cors
