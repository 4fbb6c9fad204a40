-- Lets a request in when it carries a key that belongs to a consumer.
local auth = require "kong.tools.auth"
local meta = require "kong.meta"
local replace_dashes_lower = require("kong.tools.string").replace_dashes_lower

local kong = kong
local ngx = ngx
local type = type
local find = string.find


local KeyAuth = {
  VERSION = meta.version,
  PRIORITY = 1250,
}


-- Names of the $http_ variables of a configuration's key names; a key as a weak table lives as long as it.
local variables = setmetatable({}, { __mode = "k" })

local function variables_of(conf)
  local names = variables[conf]
  if not names then
    names = {}
    for i, name in ipairs(conf.key_names) do
      names[i] = "http_" .. replace_dashes_lower(name)
    end
    variables[conf] = names
  end
  return names
end


-- A repeated header shows as one value joined by ", "; only then all headers are worth building a table.
local function key_in_header(name, variable)
  local value = ngx.var[variable]
  if value and find(value, ", ", 1, true) then
    return kong.request.get_headers()[name]
  end
  return value
end


local function key_in_query(name)
  if kong.request.get_raw_query() ~= "" then
    return kong.request.get_query()[name]
  end
end


local function read_body()
  local body, err = kong.request.get_body()
  if err then
    kong.log.info("the body cannot be searched for a key: ", err)
  end
  return body
end


-- key | table of several keys | nil; and the name it was found under.
local function find_key(conf)
  local names = conf.key_names
  local vars = variables_of(conf)
  local body
  for i = 1, #names do
    local name = names[i]
    local key = conf.key_in_header and key_in_header(name, vars[i])
    if not key and conf.key_in_query then
      key = key_in_query(name)
    end
    if not key and conf.key_in_body then
      body = body or read_body() or {}
      key = body[name]
    end
    if type(key) == "string" or type(key) == "table" then
      return key, name
    end
  end
end


local function hide(conf, name)
  kong.service.request.clear_header(name)
  kong.service.request.clear_query_arg(name)
  if conf.key_in_body then
    local body = read_body()
    if body then
      body[name] = nil
      kong.service.request.set_body(body)
    end
  end
end


local function challenge(conf)
  return conf.realm and 'Key realm="' .. conf.realm .. '"' or "Key"
end


local function authenticate(conf)
  local key, name = find_key(conf)
  if type(key) == "table" then
    return auth.unauthorized("Duplicate API key found", challenge(conf))
  end
  if key and conf.hide_credentials then
    hide(conf, name)
  end
  if not key or key == "" then
    return auth.unauthorized("No API key found in request", challenge(conf))
  end

  local credential, err = kong.db.keyauth_credentials:select_by_key(key)
  if err then
    return error(err)
  end
  if not credential or credential.ttl == 0 then
    return auth.unauthorized("Unauthorized", challenge(conf))
  end

  local consumer
  consumer, err = auth.consumer_of(credential)
  if err then
    kong.log.err(err)
    return nil, { status = 500, message = "An unexpected error occurred" }
  end
  auth.set_consumer(consumer, credential, credential.id)
  return true
end


function KeyAuth:access(conf)
  if not conf.run_on_preflight and kong.request.get_method() == "OPTIONS" then
    return
  end
  return auth.run(conf, authenticate)
end


return KeyAuth
