-- The value that a request is hashed by, from the upstream's hash_on and hash_fallback settings. Called by kong.balancer
-- once per request on upstreams with consistent hashing (and for the cookie of sticky sessions).
local concat = table.concat
local null = ngx.null

local hash_input = {}


local function of_consumer(try)
  local ctx = try.ctx
  if not ctx then
    return nil
  end
  local identity = ctx.authenticated_consumer or ctx.authenticated_credential
  return identity and identity.id
end


local function of_header(_, name)
  local value = ngx.req.get_headers(0)[name]
  if type(value) == "table" then
    return concat(value, ", ")
  end
  return value
end


local function of_query_arg(_, name)
  local value = ngx.req.get_uri_args()[name]
  if type(value) == "table" then
    return tostring(value[1])
  end
  if value == true then
    return "true"
  end
  return value
end


local function of_uri_capture(try, name)
  local matches = try.matches
  local captures = matches and matches.uri_captures
  if not captures then
    return nil
  end
  local value = captures[tonumber(name) or name]
  return value and tostring(value) or nil
end


-- The client's cookie, or a new one that the response will set.
local function of_cookie(try, name, path)
  local value = ngx.var["cookie_" .. name]
  if value and value ~= "" then
    return value
  end
  value = require("kong.tools.uuid").uuid()
  try.hash_cookie = { key = name, value = value, path = path }
  return value
end


local SOURCES = {
  consumer = of_consumer,
  ip = function() return ngx.var.remote_addr end,
  header = of_header,
  cookie = of_cookie,
  path = function() return ngx.var.uri end,
  query_arg = of_query_arg,
  uri_capture = of_uri_capture,
}


local function set_value(value)
  return value ~= null and value or nil
end


local function value_for(try, upstream, what, suffix)
  local source = SOURCES[what]
  if not source then
    return nil
  end
  if what == "cookie" then
    return of_cookie(try, set_value(upstream.hash_on_cookie) or "", set_value(upstream.hash_on_cookie_path) or "/")
  end
  return source(try, set_value(upstream[suffix .. "_" .. what]))
end


-- Text, or nil when the request has nothing to hash by.
function hash_input.get(try, upstream)
  local on = set_value(upstream.hash_on) or "none"
  local value = value_for(try, upstream, on, "hash_on")
  if value == nil then
    value = value_for(try, upstream, set_value(upstream.hash_fallback) or "none", "hash_fallback")
  end
  return value
end


return hash_input
