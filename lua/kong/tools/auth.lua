-- What the authentication plugins have in common: telling the upstream who the client is, the anonymous
-- consumer, and the two ways in which several authentication plugins combine.
-- Used by plugins in their access phase. Must never keep a consumer or a credential between requests.
local kong = kong
local error = error

local auth = {}

local primary_key = {}


local function set_or_clear(name, value)
  if value then
    kong.service.request.set_header(name, value)
  else
    kong.service.request.clear_header(name)
  end
end


-- Marks the request as coming from `consumer` and tells the upstream so in headers. Headers of the same
-- names that the client sent are always replaced or dropped. Without a credential the consumer is anonymous.
-- identifier: what the credential is called to the upstream. Raises when consumer and credential are both nil.
function auth.set_consumer(consumer, credential, identifier)
  kong.client.authenticate(consumer, credential)
  set_or_clear("X-Consumer-ID", consumer and consumer.id)
  set_or_clear("X-Consumer-Custom-ID", consumer and consumer.custom_id)
  set_or_clear("X-Consumer-Username", consumer and consumer.username)
  set_or_clear("X-Credential-Identifier", credential and identifier)
  if credential then
    kong.service.request.clear_header("X-Anonymous-Consumer")
  else
    kong.service.request.set_header("X-Anonymous-Consumer", "true")
  end
end


-- The consumer that a credential belongs to: consumer | nil, err. `credential.consumer` is {id =}, which is
-- already the primary key, so nothing is allocated.
function auth.consumer_of(credential)
  return kong.db.consumers:select(credential.consumer)
end


-- id_or_name: what an `anonymous` field holds.
function auth.find_consumer(id_or_name)
  local consumer, err
  if #id_or_name == 36 and id_or_name:find("^%x+%-%x+%-%x+%-%x+%-%x+$") then
    primary_key.id = id_or_name
    consumer, err = kong.db.consumers:select(primary_key)
    if err then
      return nil, err
    end
  end
  if consumer then
    return consumer
  end
  return kong.db.consumers:select_by_username(id_or_name)
end


function auth.set_anonymous(id_or_name)
  local consumer, err = auth.find_consumer(id_or_name)
  if err then
    return error(err)
  end
  return auth.set_consumer(consumer)
end


-- Runs authenticate(conf), which returns true, or nil and {status =, message =, headers =}.
-- With `conf.anonymous` any one of several plugins is enough and a failure makes the request anonymous;
-- without it a failure ends the request.
function auth.run(conf, authenticate)
  if conf.anonymous then
    if not kong.client.get_credential() and not authenticate(conf) then
      auth.set_anonymous(conf.anonymous)
    end
    return
  end
  local ok, failure = authenticate(conf)
  if not ok then
    return kong.response.error(failure.status, failure.message, failure.headers)
  end
end


-- The usual refusal; `challenge` is the value of WWW-Authenticate.
function auth.unauthorized(message, challenge)
  return nil, { status = 401, message = message, headers = { ["WWW-Authenticate"] = challenge } }
end


return auth
