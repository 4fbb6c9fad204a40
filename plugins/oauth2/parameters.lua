-- What the endpoints and the access check read from a request.
local kong = kong
local ngx = ngx

local parameters = {}

local WITH_BODY = { POST = true, PUT = true, PATCH = true }


-- Arguments of the query string and the body; those of the body win.
function parameters.read()
  local args = kong.request.get_query()
  if WITH_BODY[kong.request.get_method()] then
    return kong.table.merge(args, kong.request.get_body())
  end
  return args
end


function parameters.failure(code, description)
  return { error = code, error_description = description }
end


function parameters.contains(list, value)
  for _, item in ipairs(list or {}) do
    if item == value then
      return true
    end
  end
  return false
end


-- Scopes joined by spaces or nil; nil and a failure.
function parameters.scope(args, conf)
  local scope = args.scope
  if not scope then
    if conf.mandatory_scope then
      return nil, parameters.failure("invalid_scope", "You must specify a scope")
    end
    return nil
  end
  if not conf.scopes then
    return nil
  end
  if type(scope) ~= "string" then
    return nil, parameters.failure("invalid_scope", "scope must be a string")
  end
  local scopes = {}
  for item in scope:gmatch("%S+") do
    if not parameters.contains(conf.scopes, item) then
      return nil, parameters.failure("invalid_scope", '"' .. item .. '" is an invalid scope')
    end
    scopes[#scopes + 1] = item
  end
  return scopes[1] and table.concat(scopes, " ") or nil
end


-- client_id, client_secret, whether they came in the Authorization header.
function parameters.client(args, conf)
  if args.client_id and args.client_secret then
    return args.client_id, args.client_secret, false
  end
  local header = kong.request.get_header(conf.auth_header_name)
  if not header then
    return args.client_id, nil, false
  end
  local encoded = header:match("[Bb]asic%s*(.+)")
  local decoded = encoded and ngx.decode_base64(encoded)
  if not decoded then
    return nil, nil, true
  end
  local id, secret = decoded:match("^([^:]*):([^:]*)")
  return id or decoded, secret, true
end


-- The client of an id and the addresses that it may be sent back to; nil for an unknown one.
function parameters.find_client(client_id)
  if type(client_id) ~= "string" or client_id == "" then
    return nil
  end
  local client, err = kong.db.oauth2_credentials:select_by_client_id(client_id)
  if err then
    return error(err)
  end
  return client
end


-- PKCE: challenge, method | nil, nil, description.
function parameters.challenge(args)
  local challenge, method = args.code_challenge, args.code_challenge_method
  if not challenge then
    if method then
      return nil, nil, "code_challenge is required when code_method is present"
    end
    return nil
  end
  if method and method:upper() ~= "S256" then
    return nil, nil, "code_challenge_method is not supported, must be S256"
  end
  return (challenge:gsub("=+$", "")), "S256"
end


-- was_used: the code was asked for with a challenge.
function parameters.needs_pkce(conf, client, was_used)
  if was_used then
    return true
  end
  if client.client_type == "public" then
    return conf.pkce ~= "none"
  end
  return conf.pkce == "strict"
end


return parameters
