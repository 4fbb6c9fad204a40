-- GET and PUT of one object in an S3-compatible store, signed with AWS Signature Version 4. Credentials come from the
-- environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN) or from the task role of ECS. Used by the fallback copy only.

local cjson = require("cjson.safe")
local digest = require("resty.openssl.digest")
local hmac = require("resty.openssl.hmac")
local http = require("resty.http")
local to_hex = require("resty.string").to_hex

local concat = table.concat
local getenv = os.getenv
local ngx_time = ngx.time
local date = os.date

local ROLE_HOST = "http://169.254.170.2"
local TIMEOUT_MS = 10000

local _M = {}


local function sha256_hex(text)
  return to_hex(assert(digest.new("sha256")):final(text))
end


local function hmac_sha256(key, text)
  return assert(hmac.new(key, "sha256")):final(text)
end


-- The task role's credentials are asked for each time: they are short-lived, and copies are rare.
local function task_role()
  local path, full = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
  if not path and not full then
    return nil, "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the task a role"
  end
  local client = http.new()
  client:set_timeout(TIMEOUT_MS)
  local token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
  local res, err = client:request_uri(full or ROLE_HOST .. path, { headers = token and { Authorization = token } or nil })
  if not res then
    return nil, "cannot read the task role's credentials: " .. err
  end
  local answer = res.status == 200 and cjson.decode(res.body)
  if type(answer) ~= "table" or not answer.AccessKeyId then
    return nil, "cannot read the task role's credentials: status " .. res.status
  end
  return { id = answer.AccessKeyId, secret = answer.SecretAccessKey, token = answer.Token }
end


function _M.credentials()
  local id, secret = getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY")
  if id and secret then
    return { id = id, secret = secret, token = getenv("AWS_SESSION_TOKEN") }
  end
  return task_role()
end


local function escape_path(path)
  return (path:gsub("[^A-Za-z0-9%-_.~/]", function(c) return ("%%%02X"):format(c:byte()) end))
end


-- Headers of a signed request. request: {method, host, path (escaped), body, region, time}; host with its port when it is not the scheme's.
function _M.sign(request, credentials)
  local stamp = date("!%Y%m%dT%H%M%SZ", request.time)
  local day = stamp:sub(1, 8)
  local payload = sha256_hex(request.body or "")
  local names = { "host", "x-amz-content-sha256", "x-amz-date" }
  local headers = { ["host"] = request.host, ["x-amz-content-sha256"] = payload, ["x-amz-date"] = stamp }
  if credentials.token then
    names[4] = "x-amz-security-token"
    headers["x-amz-security-token"] = credentials.token
  end
  local lines = {}
  for i, name in ipairs(names) do
    lines[i] = name .. ":" .. headers[name] .. "\n"
  end
  local signed = concat(names, ";")
  local canonical = concat({ request.method, request.path, "", concat(lines), signed, payload }, "\n")
  local scope = concat({ day, request.region, "s3", "aws4_request" }, "/")
  local text = concat({ "AWS4-HMAC-SHA256", stamp, scope, sha256_hex(canonical) }, "\n")
  local key = hmac_sha256("AWS4" .. credentials.secret, day)
  for _, part in ipairs({ request.region, "s3", "aws4_request" }) do
    key = hmac_sha256(key, part)
  end
  headers["authorization"] = "AWS4-HMAC-SHA256 Credential=" .. credentials.id .. "/" .. scope .. ", SignedHeaders=" .. signed
                          .. ", Signature=" .. to_hex(hmac_sha256(key, text))
  return headers
end


-- Where an object is. bucket_path: "bucket/some/key"; endpoint: "http(s)://host[:port]" of an S3-compatible store (path style), or nil for AWS.
function _M.locate(bucket_path, endpoint, region)
  local bucket, key = bucket_path:match("^([^/]+)/(.+)$")
  if not bucket then
    return nil, "expected s3://bucket/key, got s3://" .. bucket_path
  end
  if endpoint then
    local scheme, host = endpoint:match("^(https?)://([^/]+)/?$")
    if not scheme then
      return nil, "not an endpoint: " .. endpoint
    end
    return { scheme = scheme, host = host, path = "/" .. bucket .. "/" .. escape_path(key), region = region }
  end
  return { scheme = "https", host = bucket .. ".s3." .. region .. ".amazonaws.com", path = "/" .. escape_path(key), region = region }
end


-- Sends; place as locate gave it. body nil: GET. Returns the answer's body, or nil, err; a missing object is nil, "not found".
function _M.request(place, body)
  local credentials, err = _M.credentials()
  if not credentials then
    return nil, err
  end
  local method = body and "PUT" or "GET"
  local headers = _M.sign({ method = method, host = place.host, path = place.path, body = body, region = place.region, time = ngx_time() }, credentials)
  local client = http.new()
  client:set_timeout(TIMEOUT_MS)
  local res
  res, err = client:request_uri(place.scheme .. "://" .. place.host .. place.path, { method = method, body = body, headers = headers, ssl_verify = true })
  if not res then
    return nil, err
  end
  if res.status == 404 then
    return nil, "not found"
  end
  if res.status ~= 200 then
    return nil, "the store answered " .. res.status .. ": " .. (res.body or ""):sub(1, 200)
  end
  return res.body
end


return _M
