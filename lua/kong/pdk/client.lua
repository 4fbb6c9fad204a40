-- kong.client: who sent the request, and as whom it counts.
local phases = require "kong.pdk.private.phases"
local is_valid_uuid = require("kong.tools.uuid").is_valid_uuid

local check_not_phase = phases.check_not
local check_phase = phases.check
local error = error
local find = string.find
local ngx = ngx
local tonumber = tonumber
local type = type

local PHASES = phases.phases
local INIT_WORKER = PHASES.init_worker
local AUTHENTICATED = phases.new(PHASES.access, PHASES.header_filter, PHASES.response, PHASES.body_filter, PHASES.log)


-- The peer of the connection, whatever headers say.
local function get_ip()
  check_not_phase(INIT_WORKER)
  local var = ngx.var
  return var.realip_remote_addr or var.remote_addr
end


local function get_forwarded_ip()
  check_not_phase(INIT_WORKER)
  return ngx.var.remote_addr
end


local function get_port()
  check_not_phase(INIT_WORKER)
  local var = ngx.var
  return tonumber(var.realip_remote_port or var.remote_port)
end


local function get_forwarded_port()
  check_not_phase(INIT_WORKER)
  return tonumber(ngx.var.remote_port)
end


local function get_credential()
  check_phase(AUTHENTICATED)
  return ngx.ctx.authenticated_credential
end


local function get_consumer()
  check_phase(AUTHENTICATED)
  return ngx.ctx.authenticated_consumer
end


-- By id, and with the second argument also by username.
local function load_consumer(consumer_id, search_by_username)
  check_phase(AUTHENTICATED)
  if not consumer_id or type(consumer_id) ~= "string" then
    error("consumer_id must be a string", 2)
  end
  local is_id = is_valid_uuid(consumer_id)
  if not is_id and not search_by_username then
    error("cannot load a consumer with an id that is not a uuid", 2)
  end

  local consumers = kong.db.consumers
  if is_id then
    local found, err = consumers:select({ id = consumer_id })
    if found then
      return found
    end
    if err then
      return nil, err
    end
  end
  if not search_by_username then
    return
  end
  local found, err = consumers:select_by_username(consumer_id)
  if err then
    return nil, err
  end
  return found
end


local function authenticate(consumer, credential)
  check_phase(PHASES.access)
  if consumer ~= nil and type(consumer) ~= "table" then
    error("consumer must be a table or nil", 2)
  end
  if credential ~= nil and type(credential) ~= "table" then
    error("credential must be a table or nil", 2)
  end
  if consumer == nil and credential == nil then
    error("either credential or consumer must be provided", 2)
  end
  local ctx = ngx.ctx
  ctx.authenticated_consumer = consumer
  ctx.authenticated_credential = credential
end


-- "https" or "http" of a request on a route that accepts both; nil, err when a trusted proxy named several.
local function http_protocol(kong, allow_terminated)
  if ngx.var.scheme == "https" then
    return "https"
  end
  if not allow_terminated or not kong.ip.is_trusted(get_ip()) then
    return "http"
  end
  local forwarded = ngx.var.http_x_forwarded_proto
  if forwarded and find(forwarded, ",", 1, true) then
    return nil, "Only one X-Forwarded-Proto header allowed"
  end
  return forwarded and forwarded:lower() == "https" and "https" or "http"
end


local function new_get_protocol(kong)
  return function(allow_terminated)
    check_phase(AUTHENTICATED)
    local route = ngx.ctx.route
    if not route then
      return nil, "No active route found"
    end
    local protocols = route.protocols
    if #protocols == 1 then
      return protocols[1]
    end
    if ngx.config.subsystem == "stream" then
      return ngx.var.ssl_protocol and "tls" or "tcp"
    end
    return http_protocol(kong, allow_terminated)
  end
end


return {
  new = function(kong)
    return {
      get_ip = get_ip,
      get_forwarded_ip = get_forwarded_ip,
      get_port = get_port,
      get_forwarded_port = get_forwarded_port,
      get_credential = get_credential,
      get_consumer = get_consumer,
      load_consumer = load_consumer,
      authenticate = authenticate,
      get_protocol = new_get_protocol(kong),
    }
  end,
}
