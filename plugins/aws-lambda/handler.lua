-- Calls an AWS Lambda function with the request and answers with what it returns.
local cjson = require "cjson.safe"
local constants = require "kong.constants"
local get_now_ms = require("kong.tools.time").get_updated_now_ms
local meta = require "kong.meta"
local request_util = require "kong.plugins.aws-lambda.request-util"

local error = error
local getenv = os.getenv
local kong = kong
local ngx = ngx
local type = type

local VIA = constants.HEADERS.VIA
-- Not of a response but of a connection; HTTP/2 forbids them.
local HOP_BY_HOP = { "Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "Transfer-Encoding" }


local AWSLambda = {
  PRIORITY = 750,
  VERSION = meta.version,
}


local function url_of(conf, region)
  local escape = require("kong.tools.aws.signature").escape
  local scheme = conf.disable_https and "http" or "https"
  local host = conf.host or "lambda." .. region .. ".amazonaws.com"
  local path = "/2015-03-31/functions/" .. escape(conf.function_name or "") .. "/invocations"
  return scheme .. "://" .. host .. ":" .. (conf.port or 443) .. path
end


-- Returns a response | nil, err.
local function invoke(conf, region)
  local aws = require "kong.tools.aws.client"
  local credentials, err = aws.credentials({
    key = conf.aws_key,
    secret = conf.aws_secret,
    role = conf.aws_assume_role_arn,
    session_name = conf.aws_role_session_name,
    sts_url = conf.aws_sts_endpoint_url,
    metadata_version = conf.aws_imds_protocol_version,
    region = region,
    timeout = conf.timeout,
    proxy_url = conf.proxy_url,
  })
  if not credentials then
    return nil, err
  end
  return aws.request({
    url = url_of(conf, region),
    method = "POST",
    query = conf.qualifier and { Qualifier = conf.qualifier },
    headers = {
      ["Content-Type"] = "application/x-amz-json-1.1",
      ["X-Amz-Invocation-Type"] = conf.invocation_type,
      ["X-Amz-Log-Type"] = conf.log_type,
    },
    body = request_util.build_request_payload(conf),
  }, {
    service = "lambda",
    region = region,
    credentials = credentials,
    timeout = conf.timeout,
    keepalive = conf.keepalive,
    proxy_url = conf.proxy_url,
  })
end


-- Headers of the function's response that go on to the client.
local function clean(headers)
  local is_http2 = ngx.var.http2
  is_http2 = is_http2 and is_http2 ~= ""
  local out = {}
  for name, value in pairs(headers) do
    out[name] = value
  end
  out["Content-Length"] = nil
  for i = 1, is_http2 and #HOP_BY_HOP or 0 do
    out[HOP_BY_HOP[i]] = nil
  end
  return out, is_http2
end


local function add_via(headers, is_http2)
  if kong.configuration.enabled_headers[VIA] then
    local via = (is_http2 and "2 " or "1.1 ") .. meta._SERVER_TOKENS
    headers[VIA] = headers[VIA] and headers[VIA] .. ", " .. via or via
  end
end


-- The body for the client. Empty arrays become objects, as they always did, unless told otherwise.
local function content_of(conf, body)
  local decoded = body and cjson.decode(body)
  if type(decoded) == "string" then
    return decoded
  end
  if type(decoded) == "table" and conf.empty_arrays_mode == "legacy" then
    return cjson.encode(decoded)
  end
  return body
end


local function status_of(conf, res)
  if conf.unhandled_status and res.headers["X-Amz-Function-Error"] == "Unhandled" then
    return conf.unhandled_status
  end
  return res.status
end


local function answer_as_told(res, headers, is_http2)
  local response, err = request_util.extract_proxy_response(res.body)
  if not response then
    kong.log.err(err)
    return kong.response.exit(502, {
      message = "Bad Gateway",
      error = "could not JSON decode Lambda function response: " .. err,
    })
  end
  for name, value in pairs(response.headers) do
    headers[name] = value
  end
  add_via(headers, is_http2)
  return kong.response.exit(response.status_code, response.body, headers)
end


function AWSLambda:access(conf)
  local region = conf.aws_region or getenv("AWS_REGION") or getenv("AWS_DEFAULT_REGION")
  if not region then
    return error("no region specified")
  end
  local since_ms = get_now_ms()
  local res, err = invoke(conf, region)
  local took_ms = get_now_ms() - since_ms
  ngx.ctx.KONG_WAITING_TIME, kong.ctx.plugin.waiting_time = took_ms, took_ms
  if not res then
    return error(err)
  end
  if res.status >= 400 then
    local answer = cjson.decode(res.body or "")
    return error(type(answer) == "table" and answer.Message or "Lambda answered with status " .. res.status)
  end

  local headers, is_http2 = clean(res.headers)
  if conf.is_proxy_integration then
    return answer_as_told(res, headers, is_http2)
  end
  add_via(headers, is_http2)
  return kong.response.exit(status_of(conf, res), content_of(conf, res.body), headers)
end


-- The function's time is not the gateway's.
function AWSLambda:header_filter()
  local ctx = ngx.ctx
  if ctx.KONG_RESPONSE_LATENCY then
    ctx.KONG_RESPONSE_LATENCY = ctx.KONG_RESPONSE_LATENCY - (kong.ctx.plugin.waiting_time or 0)
  end
end


return AWSLambda
