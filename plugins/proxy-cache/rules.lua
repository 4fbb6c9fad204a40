-- Which requests may be answered from the cache, and which answers may be kept.
local cache_control = require "kong.plugins.proxy-cache.cache_control"

local kong = kong
local ngx = ngx

local rules = {}


local function contains(list, value)
  for i = 1, #list do
    if list[i] == value then
      return true
    end
  end
  return false
end


-- {type =, subtype =, params =, n =} of "type/subtype; a=b", or nil.
local function parse_type(text)
  local kind, subtype, rest = text:match("^%s*([^/%s;]+)/([^;%s]+)%s*(.*)$")
  if not kind then
    return nil
  end
  local params, n = {}, 0
  for name, value in rest:gmatch(";%s*([^=;%s]+)%s*=%s*\"?([^;\"]*)\"?") do
    params[name:lower()] = value
    n = n + 1
  end
  return { type = kind:lower(), subtype = subtype:lower(), params = params, n = n }
end


local function type_matches(given, expected)
  if not expected or expected.type ~= "*" and expected.type ~= given.type
     or expected.subtype ~= "*" and expected.subtype ~= given.subtype or expected.n ~= given.n then
    return false
  end
  for name, value in pairs(expected.params) do
    if given.params[name] ~= value then
      return false
    end
  end
  return true
end


-- Parsed content types of a configuration.
local expected_types = setmetatable({}, { __mode = "k" })

local function is_expected_type(list, text)
  local given = text and parse_type(text)
  if not given then
    return false
  end
  local expected = expected_types[list]
  if not expected then
    expected = {}
    for i, entry in ipairs(list) do
      expected[i] = parse_type(entry) or false
    end
    expected_types[list] = expected
  end
  for i = 1, #expected do
    if type_matches(given, expected[i]) then
      return true
    end
  end
  return false
end


-- directives: of the request's Cache-Control.
function rules.is_request_cacheable(conf, directives)
  if not contains(conf.request_method, kong.request.get_method()) then
    return false
  end
  return not conf.cache_control or not (directives["no-store"] or directives["no-cache"])
end


-- directives: of the answer's Cache-Control.
function rules.is_response_cacheable(conf, directives)
  if not contains(conf.response_code, kong.response.get_status())
     or not is_expected_type(conf.content_type, ngx.var.sent_http_content_type) then
    return false
  end
  if not conf.cache_control then
    return true
  end
  return not (directives.private or directives["no-store"] or directives["no-cache"])
         and cache_control.ttl(directives) > 0
end


-- Is a kept answer still good for this request?
function rules.is_fresh(conf, directives, answer, now)
  local age = now - answer.timestamp
  if not conf.cache_control then
    return age <= conf.cache_ttl
  end
  local max_age, max_stale = tonumber(directives["max-age"]), tonumber(directives["max-stale"])
  local min_fresh = tonumber(directives["min-fresh"])
  return not (max_age and age > max_age or max_stale and age - answer.ttl > max_stale
              or min_fresh and answer.ttl - age < min_fresh)
end


return rules
