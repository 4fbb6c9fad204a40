-- Calls an Azure function with the request and answers with what it returns.
local constants = require "kong.constants"
local http = require "resty.http"
local meta = require "kong.meta"

local kong = kong
local ngx = ngx
local match = string.match

local VIA = constants.HEADERS.VIA
-- Not of a response but of a connection; HTTP/2 forbids them.
local HOP_BY_HOP = { "Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "Transfer-Encoding" }


local AzureFunctions = {
  PRIORITY = 749,
  VERSION = meta.version,
}


local function strip_slashes(text)
  return match(text or "", "^/*(.-)/*$")
end


local function path_of(conf)
  local prefix, name = strip_slashes(conf.routeprefix), strip_slashes(conf.functionname)
  return (prefix == "" and "" or "/" .. prefix) .. "/" .. name
end


local function call(conf)
  local scheme, port = "https", 443
  if not conf.https then
    scheme, port = "http", 80
  end
  local headers = kong.request.get_headers()
  headers["host"] = nil
  headers["x-functions-key"] = conf.apikey
  headers["x-functions-clientid"] = conf.clientid

  local client = http.new()
  client:set_timeout(conf.timeout)
  return client:request_uri(scheme .. "://" .. conf.appname .. "." .. conf.hostdomain .. ":" .. port, {
    method = kong.request.get_method(),
    path = path_of(conf),
    query = kong.request.get_query(),
    headers = headers,
    body = kong.request.get_raw_body(),
    ssl_verify = conf.https_verify,
    keepalive_timeout = conf.keepalive,
  })
end


function AzureFunctions:access(conf)
  local res, err = call(conf)
  if not res then
    kong.log.err(err)
    return kong.response.exit(500, { message = "An unexpected error occurred" })
  end

  local headers = res.headers
  local is_http2 = ngx.var.http2
  if is_http2 and is_http2 ~= "" then
    for i = 1, #HOP_BY_HOP do
      headers[HOP_BY_HOP[i]] = nil
    end
  end
  if kong.configuration.enabled_headers[VIA] then
    local via = (is_http2 and is_http2 ~= "" and "2 " or "1.1 ") .. meta._SERVER_TOKENS
    headers[VIA] = headers[VIA] and headers[VIA] .. ", " .. via or via
  end
  return kong.response.exit(res.status, res.body, headers)
end


return AzureFunctions
