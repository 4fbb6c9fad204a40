-- Lets a request in with a user's name and password.
local auth = require "kong.tools.auth"
local crypto = require "kong.plugins.basic-auth.crypto"
local meta = require "kong.meta"

local kong = kong
local ngx = ngx


local BasicAuth = {
  PRIORITY = 1100,
  VERSION = meta.version,
}


-- username, password from a header, or nothing.
local function read_header(name, conf)
  local value = kong.request.get_header(name)
  if conf.hide_credentials then
    kong.service.request.clear_header(name)
  end
  local encoded = value and value:match("[Bb]asic%s*(.+)")
  local decoded = encoded and ngx.decode_base64(encoded)
  if not decoded then
    return
  end
  local username, password = decoded:match("([^:]+):(.*)")
  if not username then
    kong.log.err("header has unrecognized format")
  end
  return username, password
end


local function find_credential(username)
  local credential, err = kong.db.basicauth_credentials:select_by_username(username)
  if err then
    return error(err)
  end
  return credential
end


local function refusal(conf)
  return auth.unauthorized("Unauthorized", 'Basic realm="' .. conf.realm .. '"')
end


local function authenticate(conf)
  if not kong.request.get_header("authorization") and not kong.request.get_header("proxy-authorization") then
    return refusal(conf)
  end
  local username, password = read_header("proxy-authorization", conf)
  local credential = username and find_credential(username)
  if not credential then
    username, password = read_header("authorization", conf)
    credential = username and find_credential(username)
  end
  if not credential or crypto.hash(credential.consumer.id, password) ~= credential.password then
    return refusal(conf)
  end
  local consumer, err = auth.consumer_of(credential)
  if err then
    return error(err)
  end
  auth.set_consumer(consumer, credential, credential.username)
  return true
end


function BasicAuth:access(conf)
  return auth.run(conf, authenticate)
end


return BasicAuth
