-- Lets a request in whose date, line and headers are signed with a shared secret.
local auth = require "kong.tools.auth"
local digest = require "resty.openssl.digest"
local mac = require "resty.openssl.mac"
local meta = require "kong.meta"
local split = require("kong.tools.string").split

local kong = kong
local ngx = ngx
local concat = table.concat
local fmt = string.format


local HmacAuth = {
  VERSION = meta.version,
  PRIORITY = 1030,
}


local NOT_VALID = "HMAC signature cannot be verified"
local NOT_SAME = "HMAC signature does not match"
local NO_DATE = NOT_VALID .. ", a valid date or x-date header is required for HMAC Authentication"
local FIELDS = [[\s*[Hh]mac\s*username="(.+)",\s*algorithm="(.+)",\s*headers="(.+)",\s*signature="(.+)"]]


-- {username =, algorithm =, headers = {...}, signature =} from a header, or nil.
local function parse(value)
  if not value then
    return nil
  end
  local m, err = ngx.re.match(value, FIELDS, "jo")
  if err then
    kong.log.err(err)
  end
  if not m then
    return nil
  end
  return { username = m[1], algorithm = m[2], headers = split(m[3], " "), signature = m[4] }
end


local function is_in(list, value)
  for i = 1, #list do
    if list[i] == value then
      return true
    end
  end
  return false
end


local function date_is_good(name, skew)
  local value = kong.request.get_header(name)
  local time = value and ngx.parse_http_time(value)
  return time ~= nil and time ~= false and math.abs(ngx.time() - time) <= skew
end


-- true, or nil and why the fields are not acceptable.
local function check_fields(fields, conf)
  if not fields then
    return nil, "username or signature missing"
  end
  for _, name in ipairs(conf.enforce_headers or {}) do
    if not is_in(fields.headers, name) then
      return nil, "enforced header not used for signature creation"
    end
  end
  if not is_in(conf.algorithms, fields.algorithm) then
    return nil, "algorithm " .. fields.algorithm .. " not supported"
  end
  return true
end


local function signed_line(name, target)
  local value = kong.request.get_header(name)
  if value then
    return name .. ": " .. value
  elseif name == "@request-target" then
    return name .. ": " .. kong.request.get_method():lower() .. " " .. target
  elseif name == "request-line" then
    return fmt("%s %s HTTP/%.01f", kong.request.get_method(), target, kong.request.get_http_version())
  end
  return name .. ":"
end


local function signature_matches(fields, secret)
  local target = kong.request.get_path_with_query()
  local lines = {}
  for i, name in ipairs(fields.headers) do
    lines[i] = signed_line(name, target)
  end
  local expected = assert(mac.new(secret, "HMAC", nil, fields.algorithm:sub(6))):final(concat(lines, "\n"))
  return expected == ngx.decode_base64(fields.signature)
end


local function body_matches()
  local body, err = kong.request.get_raw_body()
  if err then
    kong.log.debug(err)
    return false
  end
  local received = kong.request.get_header("digest")
  if not received then
    return body == ""
  end
  return received == "SHA-256=" .. ngx.encode_base64(digest.new("sha256"):final(body or ""))
end


local function find_fields(conf)
  local fields = parse(kong.request.get_header("proxy-authorization"))
  local header = "proxy-authorization"
  if not fields then
    fields = parse(kong.request.get_header("authorization"))
    header = "authorization"
  end
  if conf.hide_credentials then
    kong.service.request.clear_header(header)
  end
  return fields
end


local function authenticate(conf)
  local challenge = conf.realm and 'hmac realm="' .. conf.realm .. '"' or "hmac"
  if not kong.request.get_header("authorization") and not kong.request.get_header("proxy-authorization") then
    return auth.unauthorized("Unauthorized", challenge)
  end
  if not date_is_good("x-date", conf.clock_skew) and not date_is_good("date", conf.clock_skew) then
    return auth.unauthorized(NO_DATE, challenge)
  end

  local fields = find_fields(conf)
  local ok, err = check_fields(fields, conf)
  if not ok then
    kong.log.debug(err)
    return auth.unauthorized(NOT_VALID, challenge)
  end
  local credential
  credential, err = kong.db.hmacauth_credentials:select_by_username(fields.username)
  if err then
    return error(err)
  end
  if not credential then
    kong.log.debug("failed to retrieve credential for ", fields.username)
    return auth.unauthorized(NOT_VALID, challenge)
  end
  if not signature_matches(fields, credential.secret) or conf.validate_request_body and not body_matches() then
    return auth.unauthorized(NOT_SAME, challenge)
  end

  local consumer
  consumer, err = auth.consumer_of(credential)
  if err then
    return error(err)
  end
  auth.set_consumer(consumer, credential, credential.username)
  return true
end


function HmacAuth:access(conf)
  return auth.run(conf, authenticate)
end


return HmacAuth
