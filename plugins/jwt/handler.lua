-- Lets a request in with a signed token.
local auth = require "kong.tools.auth"
local jwt_parser = require "kong.plugins.jwt.jwt_parser"
local meta = require "kong.meta"

local kong = kong
local ngx = ngx
local type = type


local Jwt = {
  VERSION = meta.version,
  PRIORITY = 1450,
}


-- Adds a token to those found; the same token may come in several places.
local function add(found, token)
  if type(token) == "string" and token ~= "" and token ~= found[1] then
    found[#found + 1] = token
  end
end


local function bearer(value)
  if type(value) == "table" then
    value = value[1]
  end
  return value and value:match("[Bb]earer%s+(.+)")
end


-- The tokens in the query string, the cookies and the headers.
local function find_tokens(conf)
  local found = {}
  if conf.uri_param_names[1] and kong.request.get_raw_query() ~= "" then
    local query = kong.request.get_query()
    for _, name in ipairs(conf.uri_param_names) do
      local value = query[name]
      if type(value) == "table" then
        for _, token in ipairs(value) do
          add(found, token)
        end
      else
        add(found, value)
      end
    end
  end
  for _, name in ipairs(conf.cookie_names) do
    add(found, ngx.var["cookie_" .. name])
  end
  for _, name in ipairs(conf.header_names) do
    add(found, bearer(kong.request.get_header(name)))
  end
  return found
end


-- Requests are refused with one of two challenges: nothing was given, or what was given is no good.
local function challenge(conf, is_invalid)
  local text = conf.realm and 'Bearer realm="' .. conf.realm .. '"' or "Bearer"
  return is_invalid and text .. ' error="invalid_token"' or text
end


local function refuse(conf, message, errors)
  return nil, {
    status = 401,
    message = message,
    errors = errors,
    headers = { ["WWW-Authenticate"] = challenge(conf, true) },
  }
end


local function key_for(conf, jwt, credential)
  if credential.algorithm:sub(1, 2) ~= "HS" then
    return credential.rsa_public_key
  end
  if conf.secret_is_base64 then
    return jwt:base64_decode(credential.secret)
  end
  return credential.secret
end


-- The credential that a token belongs to, or nil and a refusal.
local function verify(conf, jwt)
  local claim = conf.key_claim_name
  local name = jwt.claims[claim] or jwt.header[claim]
  if not name then
    return refuse(conf, "No mandatory '" .. claim .. "' in claims")
  elseif name == "" then
    return refuse(conf, "Invalid '" .. claim .. "' in claims")
  end
  local credential, err = kong.db.jwt_secrets:select_by_key(name)
  if err then
    return error(err)
  end
  if not credential then
    return refuse(conf, "No credentials found for given '" .. claim .. "'")
  end
  if jwt.header.alg ~= credential.algorithm then
    return refuse(conf, "Invalid algorithm")
  end
  local key = key_for(conf, jwt, credential)
  if not key then
    return refuse(conf, "Invalid key/secret")
  end
  if not jwt:verify_signature(key) then
    return refuse(conf, "Invalid signature")
  end
  local ok, errors = jwt:verify_registered_claims(conf.claims_to_verify)
  if ok and conf.maximum_expiration then
    ok, errors = jwt:check_maximum_expiration(conf.maximum_expiration)
  end
  if not ok then
    return refuse(conf, nil, errors)
  end
  return credential
end


local function authenticate(conf)
  local tokens = find_tokens(conf)
  if #tokens == 0 then
    return auth.unauthorized("Unauthorized", challenge(conf))
  elseif #tokens > 1 then
    return refuse(conf, "Multiple tokens provided")
  end
  local jwt, err = jwt_parser:new(tokens[1])
  if not jwt then
    return refuse(conf, "Bad token; " .. err)
  end
  local credential, refusal = verify(conf, jwt)
  if not credential then
    return nil, refusal
  end
  local consumer
  consumer, err = auth.consumer_of(credential)
  if err then
    return error(err)
  end
  if not consumer then
    return nil, { status = 401, message = ("Could not find consumer for '%s=%s'"):format(conf.key_claim_name,
                                                                                       credential.key) }
  end
  auth.set_consumer(consumer, credential, credential.key)
  kong.ctx.shared.authenticated_jwt_token = tokens[1]
  return true
end


-- Unlike other authentication plugins this one answers with nothing but the message, or the errors by claim.
function Jwt:access(conf)
  if not conf.run_on_preflight and kong.request.get_method() == "OPTIONS" then
    return
  end
  if conf.anonymous then
    return auth.run(conf, authenticate)
  end
  local ok, refusal = authenticate(conf)
  if not ok then
    return kong.response.exit(refusal.status, refusal.errors or { message = refusal.message }, refusal.headers)
  end
end


return Jwt
