-- require "resty.acme.client": certificates from an ACME server by the interface of lua-resty-acme, with the http-01
-- challenge. The protocol is that of the acme plugin (resty.acme.protocol).
local pkey = require "resty.openssl.pkey"
local protocol = require "resty.acme.protocol"

local match = string.match
local ngx = ngx
local setmetatable = setmetatable
local type = type

local Client = { _VERSION = "0.15.0" }
Client.__index = Client

local CHALLENGE = "#http-01"
local CHALLENGE_TTL_S = 3600


-- conf: { api_uri, account_email, account_key (PEM), eab_kid, eab_hmac_key, preferred_chain, storage_adapter (a short
-- name or that of a module), storage_config, challenge_start_callback(kind, token) }.
function Client.new(conf)
  if type(conf) ~= "table" or not conf.api_uri then
    return nil, "api_uri is not defined"
  end
  if not conf.account_key then
    return nil, "account_key is not defined"
  end
  local key, err = pkey.new(conf.account_key)
  if not key then
    return nil, err
  end
  local name = conf.storage_adapter or "shm"
  local module = require(name:find(".", 1, true) and name or "resty.acme.storage." .. name)
  local storage
  storage, err = module.new(conf.storage_config)
  if not storage then
    return nil, err
  end
  return setmetatable({ conf = conf, key = key, storage = storage }, Client)
end


-- The answer for the server, and whether it may ask for it now: true | nil, err.
local function start_challenge(self, token, answer)
  local err = self.storage:set(token .. CHALLENGE, answer, CHALLENGE_TTL_S)
  if err then
    return nil, err
  end
  local may_start = self.conf.challenge_start_callback
  if may_start and not may_start("http-01", token) then
    return nil, "challenge_start_callback refused"
  end
  return true
end


-- Returns an error or nil.
function Client:init()
  local conf = self.conf
  self.protocol = protocol.new({
    api_uri = conf.api_uri,
    key = self.key,
    email = conf.account_email,
    eab_kid = conf.eab_kid,
    eab_hmac_key = conf.eab_hmac_key,
    preferred_chain = conf.preferred_chain,
    on_challenge = function(token, answer)
      return start_challenge(self, token, answer)
    end,
    after_challenge = function(token)
      self.storage:delete(token .. CHALLENGE)
    end,
  })
end


-- Logs in; a new account is made when there is none. Returns the account's URL | nil, err.
function Client:new_account()
  if not self.protocol then
    self:init()
  end
  local ok, err = self.protocol:log_in()
  return ok and self.protocol.account_url or nil, err
end


-- key: PEM. Returns the certificate with its chain, PEM | nil, err.
function Client:order_certificate(key, host)
  local parsed, err = pkey.new(key)
  if not parsed then
    return nil, err
  end
  if not self.protocol or not self.protocol.account_url then
    local _, login_err = self:new_account()
    if login_err then
      return nil, login_err
    end
  end
  return self.protocol:order(host, parsed)
end


-- Answers the server's question of the request at hand.
function Client:serve_http_challenge()
  local token = match(ngx.var.request_uri, "/%.well%-known/acme%-challenge/([^?]+)")
  local answer, err
  if token then
    answer, err = self.storage:get(token .. CHALLENGE)
  end
  if err then
    ngx.log(ngx.ERR, "error getting challenge response from storage ", err)
    return ngx.exit(500)
  end
  if not answer then
    return ngx.exit(404)
  end
  ngx.say(answer)
  return ngx.exit(200)
end


return Client
