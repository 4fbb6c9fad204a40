-- Signs requests to AWS (Signature Version 4). Used by kong.tools.aws.client.
local digest = require "resty.openssl.digest"
local hmac = require "resty.openssl.hmac"
local to_hex = require("resty.string").to_hex

local byte = string.byte
local concat = table.concat
local date = os.date
local fmt = string.format
local gsub = string.gsub
local lower = string.lower
local match = string.match
local ngx = ngx
local pairs = pairs
local sort = table.sort

local signature = {}

local ALGORITHM = "AWS4-HMAC-SHA256"


local function percent(c)
  return fmt("%%%02X", byte(c))
end


-- Percent-encoding as AWS wants it: everything but letters, digits and -._~
function signature.escape(text)
  return (gsub(text, "[^%w%-%._~]", percent))
end


local function escape_path(path)
  return (gsub(path, "[^%w%-%._~/]", percent))
end


local function sha256(text)
  return to_hex(digest.new("sha256"):final(text))
end


local function sign(key, text)
  return hmac.new(key, "sha256"):final(text)
end


-- "a=1&b=2" of a table, sorted by name.
function signature.query(args)
  local parts = {}
  for name, value in pairs(args or {}) do
    parts[#parts + 1] = signature.escape(name) .. "=" .. signature.escape(value)
  end
  sort(parts)
  return concat(parts, "&")
end


-- Canonical headers and their names.
local function canonical(headers)
  local lines, names = {}, {}
  for name, value in pairs(headers) do
    names[#names + 1] = lower(name)
    lines[#lines + 1] = lower(name) .. ":" .. match(value, "^%s*(.-)%s*$") .. "\n"
  end
  sort(names)
  sort(lines)
  return concat(lines), concat(names, ";")
end


-- request: { method, path, query (text), headers (all of them are signed), body }. Adds the headers Authorization,
-- X-Amz-Date and, with temporary credentials, X-Amz-Security-Token.
-- credentials: { key, secret, token }; now: seconds, for tests.
function signature.sign(request, credentials, service, region, now)
  local time = date("!%Y%m%dT%H%M%SZ", now or ngx.time())
  local day = time:sub(1, 8)
  local headers = request.headers
  headers["X-Amz-Date"] = time
  headers["X-Amz-Security-Token"] = credentials.token
  local lines, names = canonical(headers)
  local text = concat({
    request.method, escape_path(request.path), request.query or "", lines, names, sha256(request.body or ""),
  }, "\n")
  local scope = concat({ day, region, service, "aws4_request" }, "/")
  local key = sign(sign(sign(sign("AWS4" .. credentials.secret, day), region), service), "aws4_request")
  local signed = to_hex(sign(key, concat({ ALGORITHM, time, scope, sha256(text) }, "\n")))
  headers["Authorization"] = fmt("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s", ALGORITHM, credentials.key, scope,
                                 names, signed)
  return headers
end


return signature
