-- Signed requests to AWS, and the credentials for them: given ones, those of the environment, of a web identity, of a
-- container or of the machine, each of which can take on a role. Credentials are kept until shortly before they end.
local cjson = require "cjson.safe"
local http = require "resty.http"
local parse_rfc_3339 = require("kong.tools.timestamp").parse_rfc_3339
local signature = require "kong.tools.aws.signature"

local fmt = string.format
local getenv = os.getenv
local match = string.match
local ngx = ngx
local open = io.open

local client = {}

local MACHINE = "http://169.254.169.254"
local MACHINE_ROLES = MACHINE .. "/latest/meta-data/iam/security-credentials/"
local CONTAINER = "http://169.254.170.2"
local METADATA_TIMEOUT_MS = 5000
local EARLY_S = 60
-- For how long credentials are kept that do not say when they end.
local KEPT_S = 300

-- By what they are for: { key, secret, token, ends_at }.
local kept = {}


local function parse_time(text)
  return text and parse_rfc_3339(text)
end


local function fetch(url, headers, method)
  local requester = http.new()
  requester:set_timeout(METADATA_TIMEOUT_MS)
  local res, err = requester:request_uri(url, { method = method or "GET", headers = headers })
  if not res then
    return nil, err
  end
  if res.status ~= 200 then
    return nil, "status " .. res.status
  end
  return res.body
end


local function from_json(body, err)
  local answer = body and cjson.decode(body)
  if not answer or not answer.AccessKeyId then
    return nil, err or "no credentials in " .. body
  end
  return {
    key = answer.AccessKeyId,
    secret = answer.SecretAccessKey,
    token = answer.Token,
    ends_at = parse_time(answer.Expiration),
  }
end


local function of_environment()
  local key, secret = getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY")
  return key and secret and { key = key, secret = secret, token = getenv("AWS_SESSION_TOKEN") }
end


local function of_container()
  local path, url = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
  if not path and not url then
    return nil
  end
  local token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
  return from_json(fetch(path and CONTAINER .. path or url, token and { Authorization = token }))
end


-- version: "v1" or "v2" of the metadata service.
local function of_machine(version)
  local headers, err, role
  if version == "v2" then
    local token
    token, err = fetch(MACHINE .. "/latest/api/token", { ["X-aws-ec2-metadata-token-ttl-seconds"] = "60" }, "PUT")
    if not token then
      return nil, err
    end
    headers = { ["X-aws-ec2-metadata-token"] = token }
  end
  role, err = fetch(MACHINE_ROLES, headers)
  if not role then
    return nil, err
  end
  return from_json(fetch(MACHINE_ROLES .. match(role, "^%S*"), headers))
end


-- request: { url, method, query (table), headers, body }, options: { service, region, credentials, timeout, keepalive,
-- proxy_url }. Returns a response of resty.http | nil, err.
function client.request(request, options)
  local scheme, host, path = match(request.url, "^(%a+)://([^/]+)(.*)$")
  path = path == "" and "/" or path
  local query = signature.query(request.query)
  local default_port = scheme == "https" and ":443" or ":80"
  local headers = request.headers or {}
  headers["Host"] = host:sub(-#default_port) == default_port and host:sub(1, -#default_port - 1) or host
  headers = signature.sign({
    method = request.method,
    path = path,
    query = query,
    headers = headers,
    body = request.body,
  }, options.credentials, options.service, options.region)

  local requester = http.new()
  requester:set_timeout(options.timeout)
  return requester:request_uri(scheme .. "://" .. host, {
    method = request.method,
    path = path .. (query ~= "" and "?" .. query or ""),
    headers = headers,
    body = request.body,
    ssl_verify = true,
    keepalive_timeout = options.keepalive,
    proxy_opts = options.proxy_url and { http_proxy = options.proxy_url, https_proxy = options.proxy_url },
  })
end


-- Credentials in the answer of the token service.
local function from_xml(body, err)
  local key = body and match(body, "<AccessKeyId>(.-)</AccessKeyId>")
  if not key then
    return nil, err or "no credentials in the answer of the token service"
  end
  return {
    key = key,
    secret = match(body, "<SecretAccessKey>(.-)</SecretAccessKey>"),
    token = match(body, "<SessionToken>(.-)</SessionToken>"),
    ends_at = parse_time(match(body, "<Expiration>(.-)</Expiration>")),
  }
end


local function sts_url(options)
  return options.sts_url or fmt("https://sts.%s.amazonaws.com", options.region)
end


-- Those of the role that a Kubernetes service account stands for.
local function of_web_identity(options)
  local file = open(getenv("AWS_WEB_IDENTITY_TOKEN_FILE"))
  if not file then
    return nil, "cannot read the web identity token"
  end
  local token = file:read("*a")
  file:close()
  local query = signature.query({
    Action = "AssumeRoleWithWebIdentity",
    Version = "2011-06-15",
    RoleArn = getenv("AWS_ROLE_ARN"),
    RoleSessionName = getenv("AWS_ROLE_SESSION_NAME") or "kong",
    WebIdentityToken = token,
  })
  return from_xml(fetch(sts_url(options) .. "/?" .. query))
end


-- Credentials of a role: options as for `request`, with { role, session_name, sts_url } as well.
local function assume_role(options)
  local res, err = client.request({
    url = sts_url(options),
    method = "GET",
    query = {
      Action = "AssumeRole",
      Version = "2011-06-15",
      RoleArn = options.role,
      RoleSessionName = options.session_name,
    },
  }, {
    service = "sts",
    region = options.region,
    credentials = options.credentials,
    timeout = options.timeout,
    proxy_url = options.proxy_url,
  })
  if not res then
    return nil, err
  end
  if res.status ~= 200 then
    return nil, "role " .. options.role .. " refused with status " .. res.status
  end
  return from_xml(res.body)
end


-- fetcher() unless its result of before is still good.
local function cached(name, fetcher, ...)
  local found = kept[name]
  if found and found.ends_at - EARLY_S > ngx.time() then
    return found
  end
  local err
  found, err = fetcher(...)
  if not found then
    return nil, err
  end
  found.ends_at = found.ends_at or ngx.time() + KEPT_S + EARLY_S
  kept[name] = found
  return found
end


local function base_credentials(options)
  if options.key then
    return { key = options.key, secret = options.secret }
  end
  local own = of_environment()
  if own then
    return own
  end
  if getenv("AWS_WEB_IDENTITY_TOKEN_FILE") and getenv("AWS_ROLE_ARN") then
    return cached("web identity", of_web_identity, options)
  end
  return cached("container", of_container) or cached("machine", of_machine, options.metadata_version)
end


-- options: { key, secret, metadata_version, role, session_name, sts_url, region, timeout, proxy_url }.
-- Returns { key, secret, token } | nil, err.
function client.credentials(options)
  local base, err = base_credentials(options)
  if not base then
    return nil, "no AWS credentials: " .. (err or "none found")
  end
  if not options.role then
    return base
  end
  options.credentials = base
  return cached(fmt("%s|%s|%s|%s", options.role, options.session_name, options.region, base.key), assume_role, options)
end


return client
