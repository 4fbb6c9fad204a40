-- require "resty.aws": credentials, and the services Lambda and STS, for plugins that call AWS:
--   local aws = require("resty.aws")()
--   local lambda = aws:Lambda { region =, credentials =, endpoint =, port =, timeout =, ... }
--   local res, err = lambda:invoke { FunctionName =, Payload =, ... }
-- The requests themselves are made by kong.tools.aws.client.
local cjson = require "cjson.safe"
local client = require "kong.tools.aws.client"
local config = require "resty.aws.config"
local signature = require "kong.tools.aws.signature"

local fmt = string.format
local match = string.match
local setmetatable = setmetatable
local type = type

local JSON = "application/x-amz-json-1.1"


-- Credentials ---------------------------------------------------------------------------------------------------------

local Credentials = {}
Credentials.__index = Credentials


-- true, access key, secret, token (or nil), when it ends (seconds, or nil) | false, err.
function Credentials:get()
  if self.accessKeyId then
    return true, self.accessKeyId, self.secretAccessKey, self.sessionToken
  end
  local found, err = client.credentials(self:wanted())
  if not found then
    return false, err
  end
  return true, found.key, found.secret, found.token, found.ends_at
end


-- Options of kong.tools.aws.client.credentials.
function Credentials:wanted()
  local wanted = { key = self.accessKeyId, secret = self.secretAccessKey }
  local sts = self.sts
  if sts then
    local base = sts.config.credentials and sts.config.credentials:wanted() or {}
    wanted.key, wanted.secret = base.key, base.secret
    wanted.role, wanted.session_name = self.role, self.session_name
    wanted.sts_url, wanted.region, wanted.proxy_url = sts.config.endpoint, sts.config.region, sts.config.https_proxy
    wanted.timeout = sts.config.timeout
  end
  return wanted
end


-- Services ------------------------------------------------------------------------------------------------------------

local Service = {}
Service.__index = Service


local function url_of(service, path)
  local conf = service.config
  local endpoint = conf.endpoint or fmt("https://%s.%s.amazonaws.com", service.name, conf.region)
  if conf.port and not match(endpoint, ":%d+$") then
    endpoint = endpoint .. ":" .. conf.port
  end
  return endpoint .. path
end


local function send(service, request)
  local conf = service.config
  local ok, key, secret, token = conf.credentials:get()
  if not ok then
    return nil, key
  end
  return client.request(request, {
    service = service.name,
    region = conf.region,
    credentials = { key = key, secret = secret, token = token },
    timeout = conf.timeout,
    keepalive = conf.keepalive_idle_timeout,
    proxy_url = conf.https_proxy or conf.http_proxy,
  })
end


-- { status, reason, headers, body }; a JSON body is decoded.
local function answer_of(res)
  local body = res.body
  local content_type = res.headers["Content-Type"]
  if type(content_type) == "string" and match(content_type, "application/.*json") then
    local decoded = cjson.decode(body)
    if decoded ~= nil then
      body = decoded
    end
  end
  return { status = res.status, reason = res.reason, headers = res.headers, body = body }
end


local Lambda = setmetatable({}, { __index = Service })
Lambda.__index = Lambda


-- params: { FunctionName, Payload (text or a table), InvocationType, LogType, Qualifier, ClientContext }.
-- Returns { status, reason, headers, body } | nil, err.
function Lambda:invoke(params)
  if type(params.FunctionName) ~= "string" then
    return nil, "invoke: params.FunctionName is required"
  end
  local payload = params.Payload
  local res, err = send(self, {
    url = url_of(self, "/2015-03-31/functions/" .. signature.escape(params.FunctionName) .. "/invocations"),
    method = "POST",
    query = params.Qualifier and { Qualifier = params.Qualifier },
    headers = {
      ["Content-Type"] = JSON,
      ["X-Amz-Invocation-Type"] = params.InvocationType,
      ["X-Amz-Log-Type"] = params.LogType,
      ["X-Amz-Client-Context"] = params.ClientContext,
    },
    body = type(payload) == "table" and cjson.encode(payload) or payload,
  })
  if not res then
    return nil, err
  end
  return answer_of(res)
end


local function new_service(aws, class, name, conf)
  conf = setmetatable(conf or {}, { __index = aws.config })
  return setmetatable({ aws = aws, name = name, config = conf }, class)
end


-- AWS -----------------------------------------------------------------------------------------------------------------

local AWS = {}
AWS.__index = AWS


-- Given ones: { accessKeyId, secretAccessKey, sessionToken }; none: those of the environment or the machine.
function AWS:Credentials(given)
  given = given or {}
  return setmetatable({
    aws = self,
    accessKeyId = given.accessKeyId,
    secretAccessKey = given.secretAccessKey,
    sessionToken = given.sessionToken,
  }, Credentials)
end


-- Those of a role: { params = { RoleArn, RoleSessionName }, sts = service }.
function AWS:ChainableTemporaryCredentials(options)
  local params = options.params
  return setmetatable({
    aws = self,
    sts = options.sts or self:STS {},
    role = params.RoleArn,
    session_name = params.RoleSessionName or "session@kong",
  }, Credentials)
end


-- Those of a token in a file are found with all others of the environment.
function AWS:TokenFileWebIdentityCredentials()
  return self:Credentials()
end


function AWS:STS(conf)
  return new_service(self, Service, "sts", conf)
end


function AWS:Lambda(conf)
  return new_service(self, Lambda, "lambda", conf)
end


-- conf: defaults of its services { region, credentials, ... }.
return setmetatable({ _VERSION = "1.5.4" }, {
  __call = function(_, conf)
    local self = setmetatable({ config = setmetatable(conf or {}, { __index = config.global }) }, AWS)
    self.config.credentials = self.config.credentials or self:Credentials()
    return self
  end,
})
