-- Remembers who logged in, so that later requests need no credentials.
local auth = require "kong.tools.auth"
local meta = require "kong.meta"

local kong = kong
local ngx = ngx
local concat = table.concat


local Session = {
  PRIORITY = 1900,
  VERSION = meta.version,
}


-- Methods whose bodies are worth reading.
local WITH_BODY = { DELETE = true, PATCH = true, POST = true, PUT = true }


local function is_logout(conf)
  local method = kong.request.get_method()
  local is_allowed = false
  for _, name in ipairs(conf.logout_methods or {}) do
    is_allowed = is_allowed or name == method
  end
  if not is_allowed then
    return false
  end
  if conf.logout_query_arg and kong.request.get_query_arg(conf.logout_query_arg) then
    return true
  end
  if conf.read_body_for_logout and conf.logout_post_arg and WITH_BODY[method] then
    local body = kong.request.get_body()
    return body ~= nil and body[conf.logout_post_arg] ~= nil
  end
  return false
end


-- What a session says about the client: ids of consumer and credential, and groups.
local function data_of(session)
  local data = session:get_data() or {}
  return data[1], data[2], data[3]
end


local function log_failure(what, ok, err)
  if not ok then
    kong.log.warn("session ", what, " failed (", err, ")")
  end
end


local function authenticate(consumer, credential_id, groups)
  if type(groups) == "table" then
    kong.service.request.set_header("X-Authenticated-Groups", concat(groups, ", "))
    ngx.ctx.authenticated_groups = groups
  else
    kong.service.request.clear_header("X-Authenticated-Groups")
  end
  if type(credential_id) == "string" then
    auth.set_consumer(consumer, { id = credential_id, consumer_id = consumer.id }, credential_id)
  else
    auth.set_consumer(consumer)
  end
end


function Session:access(conf)
  local session, err, is_there = require("kong.plugins.session.session").open(conf)
  if not is_there then
    kong.log.debug("session not present (", err, ")")
    return
  end
  if is_logout(conf) then
    session:logout()
    return kong.response.exit(200)
  end

  local consumer_id, credential_id, groups = data_of(session)
  local consumer
  consumer, err = kong.db.consumers:select { id = consumer_id }
  if err then
    kong.log.err("could not load consumer: ", err)
    return
  end
  if not consumer then
    kong.log.debug("failed to find consumer, destroying session")
    session:logout()
    return
  end
  log_failure("refresh", session:refresh())
  session:set_headers()
  kong.ctx.shared.authenticated_session = session
  authenticate(consumer, credential_id, groups)
end


-- Whoever got in by other means gets a session; the anonymous do not.
function Session:header_filter(conf)
  local credential = kong.client.get_credential()
  local consumer = kong.client.get_consumer()
  if not credential or not consumer then
    return
  end
  local session = kong.ctx.shared.authenticated_session
  if session then
    local consumer_id, credential_id = data_of(session)
    if consumer_id == consumer.id and credential_id == credential.id then
      return
    end
  else
    session = require("kong.plugins.session.session").open(conf)
  end
  session:set_data { consumer.id, credential.id or consumer.id, ngx.ctx.authenticated_groups }
  session:set_subject(consumer.username or consumer.custom_id or consumer.id)
  local ok, err = session:save()
  if not ok then
    kong.log.err("session save failed (", err, ")")
    return
  end
  session:set_response_headers()
end


return Session
