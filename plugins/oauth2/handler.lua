-- OAuth 2.0: lets requests in with a token, and issues tokens at /oauth2/token and /oauth2/authorize.
local auth = require "kong.tools.auth"
local meta = require "kong.meta"
local parameters = require "kong.plugins.oauth2.parameters"

local kong = kong
local ngx = ngx


local OAuth2 = {
  PRIORITY = 1400,
  VERSION = meta.version,
}


local EXPIRED = "The access token is invalid or has expired"


local function challenge(conf, code, description)
  local text = "Bearer" .. (conf.realm and ' realm="' .. conf.realm .. '"' or "")
  if code then
    text = text .. ' error="' .. code .. '" error_description="' .. description .. '"'
  end
  return { ["WWW-Authenticate"] = text }
end


local function refuse(conf, code, description, header_code)
  return nil, {
    status = 401,
    message = { error = code, error_description = description },
    headers = challenge(conf, header_code, EXPIRED),
  }
end


local function hide(conf, is_in_header)
  if is_in_header then
    return kong.service.request.clear_header(conf.auth_header_name)
  end
  local query = kong.request.get_query()
  query.access_token = nil
  kong.service.request.set_query(query)
  local content_type = kong.request.get_header("content-type")
  if kong.request.get_method() ~= "GET" and content_type
     and content_type:find("application/x-www-form-urlencoded", 1, true) then
    local body = kong.request.get_body() or {}
    body.access_token = nil
    kong.service.request.set_body(body)
  end
end


local function find_token_text(conf)
  local text = kong.request.get_header(conf.auth_header_name)
  local is_in_header = false
  if text then
    local scheme, rest = text:match("^%s*(%S+)%s+(%S+)%s*$")
    if scheme and (scheme:lower() == "bearer" or scheme:lower() == "token") then
      text, is_in_header = rest, true
    end
  else
    text = parameters.read().access_token
    if type(text) ~= "string" then
      return nil
    end
  end
  if conf.hide_credentials then
    hide(conf, is_in_header)
  end
  return text
end


local function is_good_here(token, conf)
  if token.service then
    local service = kong.router.get_service()
    return service ~= nil and service.id == token.service.id
  end
  return conf.global_credentials
end


local function set_or_clear(name, value)
  if value then
    kong.service.request.set_header(name, value)
  else
    kong.service.request.clear_header(name)
  end
end


local function authenticate(conf)
  local text = find_token_text(conf)
  if not text or text == "" then
    return refuse(conf, "invalid_request", "The access token is missing")
  end
  local token, err = kong.db.oauth2_tokens:select_by_access_token(text)
  if err then
    return error(err)
  end
  if token and not token.service and not conf.global_credentials then
    return refuse(conf, "invalid_token", "The access token is global, but the current plugin is configured without "
                                         .. "'global_credentials'", "invalid_token")
  end
  if not token or not is_good_here(token, conf)
     or token.expires_in > 0 and ngx.time() - token.created_at > token.expires_in then
    return refuse(conf, "invalid_token", EXPIRED, "invalid_token")
  end
  local credential
  credential, err = kong.db.oauth2_credentials:select(token.credential)
  if err then
    return error(err)
  end
  local consumer
  consumer, err = auth.consumer_of(credential)
  if err then
    return error(err)
  end
  auth.set_consumer(consumer, credential, credential.client_id)
  set_or_clear("X-Authenticated-Scope", token.scope)
  set_or_clear("X-Authenticated-UserId", token.authenticated_userid)
  return true
end


local function authenticate_or_anonymous(conf)
  if not kong.client.get_credential() and authenticate(conf) then
    return
  end
  kong.service.request.clear_header("X-Authenticated-Scope")
  kong.service.request.clear_header("X-Authenticated-UserId")
  if not kong.client.get_credential() then
    auth.set_anonymous(conf.anonymous)
  end
end


local function run_endpoint(conf, name, run)
  local method = kong.request.get_method()
  if method ~= "POST" then
    local text = "The HTTP method " .. method .. " is invalid for the " .. name .. " endpoint"
    return kong.response.exit(405, { error = "invalid_method", error_description = text },
                              challenge(conf, "invalid_method", text))
  end
  return run(conf)
end


function OAuth2:access(conf)
  local path = kong.request.get_path():gsub("/$", "")
  if path:sub(-13) == "/oauth2/token" then
    return run_endpoint(conf, "token", require("kong.plugins.oauth2.endpoints").token)
  elseif path:sub(-17) == "/oauth2/authorize" then
    return run_endpoint(conf, "authorization", require("kong.plugins.oauth2.endpoints").authorize)
  elseif conf.anonymous then
    return authenticate_or_anonymous(conf)
  end
  local ok, refusal = authenticate(conf)
  if not ok then
    return kong.response.exit(refusal.status, refusal.message, refusal.headers)
  end
end


return OAuth2
