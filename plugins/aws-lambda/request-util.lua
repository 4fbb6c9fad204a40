-- What a Lambda function gets of a request, and what becomes of its answer.
local cjson = require "cjson.safe"
local get_request_id = require("kong.observability.tracing.request_id").get

local date = os.date
local kong = kong
local match = string.match
local ngx = ngx
local null = ngx.null
local pairs = pairs
local tonumber = tonumber
local type = type

local request_util = {}

-- Bodies that functions can read without Base64.
local TEXT_TYPES = {
  ["text/plain"] = true,
  ["text/html"] = true,
  ["text/xml"] = true,
  ["application/xml"] = true,
  ["application/soap+xml"] = true,
}


local function read_body(skips_large)
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  local path = not body and ngx.req.get_body_file()
  if not path then
    return body
  end
  if skips_large then
    kong.log.err("request body was buffered to disk, too large")
    return nil
  end
  local file = io.open(path, "rb")
  body = file:read("*a")
  file:close()
  return body
end


-- Splits { name = value or values } into first values and arrays.
local function split_values(all)
  local arrays = {}
  for name, value in pairs(all) do
    if type(value) == "table" then
      arrays[name] = value
      all[name] = value[1]
    else
      arrays[name] = { value }
    end
  end
  return all, arrays
end


local function request_context(var, path, headers)
  local start = ngx.req.start_time()
  local version = ngx.req.http_version()
  return {
    path = path,
    resourcePath = path,
    protocol = version and "HTTP/" .. version,
    httpMethod = var.request_method,
    domainName = var.host,
    domainPrefix = match(var.host, "^[^.]*"),
    identity = { sourceIp = var.realip_remote_addr or var.remote_addr, userAgent = headers["user-agent"] },
    requestId = get_request_id(),
    requestTime = date("!%d/%b/%Y:%H:%M:%S +0000", start),
    requestTimeEpoch = start * 1000,
  }
end


-- A request as Amazon's API gateway describes it (version 1.0).
function request_util.aws_serializer(ctx, conf)
  ctx, conf = ctx or ngx.ctx, conf or { skip_large_bodies = true, base64_encode_body = true }
  local var = ngx.var
  local headers, header_arrays = split_values(ngx.req.get_headers())
  local args, arg_arrays = split_values(ngx.req.get_uri_args())
  local captures = {}
  for name, value in pairs(ctx.router_matches.uri_captures or {}) do
    if type(name) == "string" then
      captures[name] = value
    end
  end
  local body, is_base64 = read_body(conf.skip_large_bodies), false
  if conf.base64_encode_body and body ~= "" then
    body, is_base64 = body and ngx.encode_base64(body), true
  end
  local uri = var.upstream_uri
  local path = match(uri and uri ~= "" and uri or var.request_uri, "^[^?]+")
  return {
    version = "1.0",
    resource = ctx.router_matches.uri,
    path = path,
    httpMethod = var.request_method,
    headers = headers,
    multiValueHeaders = header_arrays,
    pathParameters = captures,
    queryStringParameters = args,
    multiValueQueryStringParameters = arg_arrays,
    body = body,
    isBase64Encoded = is_base64,
    requestContext = request_context(var, path, headers),
  }
end


local function add_body(out, conf)
  local body = read_body(conf.skip_large_bodies)
  local args, err = kong.request.get_body()
  if err and match(err, "content type") then
    args = {}
    if body and conf.base64_encode_body and not TEXT_TYPES[kong.request.get_header("content-type")] then
      body = ngx.encode_base64(body)
      out.request_body_base64 = true
    end
  end
  out.request_body, out.request_body_args = body, args
end


-- The parts that forward_request_* names.
local function chosen_parts(conf)
  local out = {}
  if conf.forward_request_method then
    out.request_method = kong.request.get_method()
  end
  if conf.forward_request_headers then
    out.request_headers = kong.request.get_headers()
  end
  if conf.forward_request_uri then
    out.request_uri = kong.request.get_path_with_query()
    out.request_uri_args = kong.request.get_query()
  end
  if conf.forward_request_body then
    add_body(out, conf)
  end
  return out
end


-- The JSON that the function is called with.
function request_util.build_request_payload(conf)
  local payload
  if conf.awsgateway_compatible then
    payload = request_util.aws_serializer(ngx.ctx, conf)
  elseif conf.forward_request_method or conf.forward_request_headers or conf.forward_request_uri
         or conf.forward_request_body then
    payload = chosen_parts(conf)
  else
    payload = kong.table.merge(kong.request.get_query(), kong.request.get_body())
  end
  local text, err = cjson.encode(payload)
  if not text then
    kong.log.err("could not JSON encode upstream body to forward request values: ", err)
  end
  return text
end


function request_util.validate_http_status_code(status)
  status = tonumber(status)
  return status and status >= 100 and status <= 599 and status or false
end


-- What is wrong with a response that a function made, or nil.
local function fault_of(response)
  if not request_util.validate_http_status_code(response.statusCode) then
    return "statusCode validation failed"
  end
  if response.headers ~= nil and type(response.headers) ~= "table" then
    return "headers must be a table"
  end
  if response.body ~= nil and type(response.body) ~= "string" then
    return "body must be a string"
  end
  if response.isBase64Encoded ~= nil and type(response.isBase64Encoded) ~= "boolean" then
    return "isBase64Encoded must be a boolean"
  end
end


-- content: a function's answer in the form of a response. Returns { status_code, body, headers } | nil, err.
function request_util.extract_proxy_response(content)
  local response, err = content, nil
  if type(content) == "string" then
    response, err = cjson.decode(content)
  end
  if type(response) ~= "table" then
    return nil, err or "proxy response must be json format"
  end
  err = fault_of(response)
  if err then
    return nil, err
  end
  local headers, body = response.headers or {}, response.body or ""
  if response.isBase64Encoded then
    body = ngx.decode_base64(body)
  end
  local arrays = response.multiValueHeaders
  for name, values in pairs(arrays and arrays ~= null and arrays or {}) do
    headers[name] = values
  end
  headers["Content-Length"] = #body
  return { status_code = tonumber(response.statusCode), body = body, headers = headers }
end


return request_util
