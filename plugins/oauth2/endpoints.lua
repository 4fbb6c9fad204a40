-- /oauth2/authorize and /oauth2/token. Codes and tokens are written to the database; without one the requests
-- that would make them end in an error, and only what the configuration declares can be used.
local check_https = require("kong.tools.http").check_https
local digest = require "resty.openssl.digest"
local encode_args = require("kong.tools.http").encode_args
local parameters = require "kong.plugins.oauth2.parameters"
local random_string = require("kong.tools.rand").random_string
local secret = require "kong.plugins.oauth2.secret"
local url = require "socket.url"

local kong = kong
local ngx = ngx
local failure = parameters.failure

local endpoints = {}

local NO_CACHE = { ["cache-control"] = "no-store", ["pragma"] = "no-cache" }
local CODE_TTL_S = 300


local function bad_client()
  return failure("invalid_client", "Invalid client authentication")
end


local function service_id(conf)
  if conf.global_credentials then
    return nil
  end
  local service = kong.router.get_service()
  return service and service.id
end


local function as_reference(id)
  return id and { id = id } or nil
end


local function blank(text)
  return type(text) ~= "string" or text:match("^%s*$") ~= nil
end


local function insecure(conf)
  local is_secure, err = check_https(kong.ip.is_trusted(kong.client.get_ip()), conf.accept_http_if_already_terminated)
  if not is_secure then
    return failure("access_denied", err or "You must use HTTPS")
  end
end


-- The answer with a new token. old: the token whose refresh token was used.
local function issue(conf, client, user, scope, no_refresh, old)
  local expires_in = conf.token_expiration
  local ttl = expires_in > 0 and conf.refresh_token_ttl > 0 and conf.refresh_token_ttl or nil
  local refresh_token, token, err
  if old and conf.reuse_refresh_token then
    token, err = kong.db.oauth2_tokens:update(old, {
      access_token = random_string(), expires_in = expires_in, created_at = ngx.time(),
    }, { ttl = ttl })
    refresh_token = token and token.refresh_token
  else
    refresh_token = not no_refresh and expires_in > 0 and random_string() or nil
    token, err = kong.db.oauth2_tokens:insert({
      service = as_reference(service_id(conf)),
      credential = { id = client.id },
      authenticated_userid = user,
      expires_in = expires_in,
      refresh_token = refresh_token,
      scope = scope,
    }, { ttl = ttl })
  end
  if not token then
    return error(err)
  end
  return {
    access_token = token.access_token,
    token_type = "bearer",
    expires_in = expires_in > 0 and token.expires_in or nil,
    refresh_token = refresh_token,
  }
end


local function new_code(conf, args, client, scope, challenge, method)
  local code, err = kong.db.oauth2_authorization_codes:insert({
    service = as_reference(service_id(conf)),
    credential = { id = client.id },
    authenticated_userid = args.authenticated_userid,
    scope = scope,
    challenge = challenge,
    challenge_method = method,
    plugin = { id = kong.plugin.get_id() },
  }, { ttl = CODE_TTL_S })
  if not code then
    return error(err)
  end
  return { code = code.code }
end


-- Errors that the client hears through its redirect address are looked for in this order, and the last one
-- found is told.
local function check_authorization(conf, args, client)
  local problem
  local kind = args.response_type
  if not (kind == "code" and conf.enable_authorization_code or kind == "token" and conf.enable_implicit_grant) then
    problem = failure("unsupported_response_type", "Invalid response_type")
  end
  local scope, err = parameters.scope(args, conf)
  problem = err or problem
  local redirect_uri
  if not client or not client.redirect_uris then
    problem = bad_client()
  else
    redirect_uri = args.redirect_uri or client.redirect_uris[1]
    if not parameters.contains(client.redirect_uris, redirect_uri) then
      problem = failure("invalid_request", "Invalid redirect_uri that does not match with any redirect_uri "
                                           .. "created with the application")
      redirect_uri = client.redirect_uris[1]
    end
  end
  local challenge, method, description = parameters.challenge(args)
  if description then
    problem = failure("invalid_request", description)
  elseif client and not challenge and parameters.needs_pkce(conf, client) then
    problem = failure("invalid_request", "code_challenge is required for " .. client.client_type .. " clients")
  end
  return problem, redirect_uri, scope, challenge, method
end


local function authorize(conf, args)
  local problem = insecure(conf)
  if problem then
    return problem
  elseif args.provision_key ~= conf.provision_key then
    return failure("invalid_provision_key", "Invalid provision_key")
  elseif blank(args.authenticated_userid) then
    return failure("invalid_authenticated_userid", "Missing authenticated_userid parameter")
  end
  local client = parameters.find_client(args.client_id)
  local redirect_uri, scope, challenge, method
  problem, redirect_uri, scope, challenge, method = check_authorization(conf, args, client)
  if problem then
    return problem, redirect_uri
  elseif args.response_type == "code" then
    return new_code(conf, args, client, scope, challenge, method), redirect_uri
  end
  return issue(conf, client, args.authenticated_userid, scope, true), redirect_uri, true
end


-- answers go into the query of the redirect address, or into its fragment for the implicit grant.
function endpoints.authorize(conf)
  local args = parameters.read()
  local answer, redirect_uri, is_implicit = authorize(conf, args)
  answer.state = args.state
  local status = answer.error and 400 or 200
  if not redirect_uri then
    return kong.response.exit(status, answer, NO_CACHE)
  end
  local parts = url.parse(redirect_uri)
  local place = is_implicit and "fragment" or "query"
  parts[place] = encode_args(kong.table.merge(ngx.decode_args(parts[place] or ""), answer))
  return kong.response.exit(status, { redirect_uri = url.build(parts) }, NO_CACHE)
end


local function check_secret(client, given)
  if client.client_type == "public" then
    if given and given:match("%S") then
      return failure("invalid_request", "client_secret is disallowed for public clients")
    end
    return nil
  end
  local is_right
  if client.hash_secret then
    is_right = secret.verify(given, client.client_secret)
  else
    is_right = client.client_secret == given
  end
  return not is_right and bad_client() or nil
end


local function check_verifier(args, code)
  local verifier = args.code_verifier
  if not verifier then
    return failure("invalid_request", "code_verifier is required for PKCE authorization requests")
  elseif type(verifier) ~= "string" then
    return failure("invalid_request", "code_verifier is not a string")
  elseif #verifier < 43 or #verifier > 128 then
    return failure("invalid_request", "code_verifier must be between 43 and 128 characters")
  end
  local hash = ngx.encode_base64(digest.new("sha256"):final(verifier), true):gsub("+", "-"):gsub("/", "_")
  if hash ~= code.challenge then
    return failure("invalid_grant", "Invalid code")
  end
end


local grants = {}


function grants.authorization_code(conf, args, client)
  local code = args.code and kong.db.oauth2_authorization_codes:select_by_code(args.code)
  local id = service_id(conf)
  if not code or code.credential.id ~= client.id or id and (not code.service or code.service.id ~= id) then
    return failure("invalid_request", "Invalid code")
  end
  if parameters.needs_pkce(conf, client, code.challenge_method) then
    local problem = check_verifier(args, code)
    if problem then
      return problem
    end
  end
  if conf.global_credentials and code.plugin and code.plugin.id ~= kong.plugin.get_id() then
    return failure("invalid_request", "Invalid code")
  end
  local answer = issue(conf, client, code.authenticated_userid, code.scope)
  kong.db.oauth2_authorization_codes:delete(code)
  return answer
end


function grants.client_credentials(conf, args, client)
  if args.authenticated_userid and args.provision_key ~= conf.provision_key then
    return failure("invalid_provision_key", "Invalid provision_key")
  elseif not client then
    return bad_client()
  end
  local scope, problem = parameters.scope(args, conf)
  return problem or issue(conf, client, args.authenticated_userid, scope, true)
end


function grants.password(conf, args, client)
  if args.provision_key ~= conf.provision_key then
    return failure("invalid_provision_key", "Invalid provision_key")
  elseif blank(args.authenticated_userid) then
    return failure("invalid_authenticated_userid", "Missing authenticated_userid parameter")
  end
  local scope, problem = parameters.scope(args, conf)
  return problem or issue(conf, client, args.authenticated_userid, scope)
end


function grants.refresh_token(conf, args, client)
  local token = args.refresh_token and kong.db.oauth2_tokens:select_by_refresh_token(args.refresh_token)
  local id = service_id(conf)
  if not token or id and (not token.service or token.service.id ~= id) then
    return failure("invalid_request", "Invalid refresh_token")
  elseif token.credential.id ~= client.id then
    return bad_client()
  end
  for scope in (token.scope or ""):gmatch("%S+") do
    if not parameters.contains(conf.scopes, scope) then
      return failure("invalid_scope", "Scope mismatch")
    end
  end
  local answer = issue(conf, client, token.authenticated_userid, token.scope, false, token)
  if not conf.reuse_refresh_token then
    kong.db.oauth2_tokens:delete(token)
  end
  return answer
end


local function is_enabled(grant, conf)
  if grant == "client_credentials" then
    return conf.enable_client_credentials
  elseif grant == "password" then
    return conf.enable_password_grant
  end
  return grant == "authorization_code" or grant == "refresh_token"
end


-- The answer, and whether a failed client is to be challenged.
local function issue_token(conf, args)
  local problem = insecure(conf)
  if problem then
    return problem
  end
  local grant = args.grant_type
  if not is_enabled(grant, conf) then
    problem = failure("unsupported_grant_type", "Invalid grant_type")
  end
  local client_id, client_secret, is_from_header = parameters.client(args, conf)
  local client = parameters.find_client(client_id)
  local uris = client and client.redirect_uris
  local is_refused = false
  if grant ~= "client_credentials" then
    if not uris then
      problem, is_refused = bad_client(), is_from_header
    elseif not parameters.contains(uris, args.redirect_uri or uris[1]) then
      problem = failure("invalid_request", "Invalid redirect_uri that does not match with any redirect_uri "
                                           .. "created with the application")
    end
  end
  if client then
    local refusal = check_secret(client, client_secret)
    if refusal then
      problem, is_refused = refusal, is_from_header and refusal.error == "invalid_client"
    end
  end
  if problem then
    return problem, is_refused
  end
  return grants[grant](conf, args, client)
end


function endpoints.token(conf)
  local args = parameters.read()
  local answer, is_refused = issue_token(conf, args)
  answer.state = args.state
  local status = 200
  local headers = { ["cache-control"] = "no-store", ["pragma"] = "no-cache" }
  if answer.error then
    status = is_refused and 401 or 400
    headers["www-authenticate"] = is_refused and 'Basic realm="OAuth2.0"' or nil
  end
  return kong.response.exit(status, answer, headers)
end


return endpoints
