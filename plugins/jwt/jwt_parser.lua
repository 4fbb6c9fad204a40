-- JSON Web Tokens: taking them apart, checking signatures and registered claims, making them.
-- Used by the jwt plugin; custom plugins require it by this name.
local cjson = require "cjson"
local lrucache = require "resty.lrucache"
local mac = require "resty.openssl.mac"
local pkey = require "resty.openssl.pkey"

local ngx = ngx
local type = type

local parser = {}
parser.__index = parser


-- Keys that were parsed already, by their text: parsing costs more than verifying.
local keys = lrucache.new(1000)

local function key_of(text)
  local key = keys:get(text)
  if not key then
    key = assert(pkey.new(text), "Consumer Public Key is Invalid")
    keys:set(text, key)
  end
  return key
end


local PSS = pkey.PADDINGS.RSA_PKCS1_PSS_PADDING
local RAW = { ecdsa_use_raw = true }

-- Each algorithm: {sign = fn(data, key), verify = fn(data, signature, key)}.
local algorithms = {}


local function hmac(digest)
  local function sign(data, key)
    return assert(mac.new(key, "HMAC", nil, digest)):final(data)
  end
  return {
    sign = sign,
    verify = function(data, signature, key)
      return sign(data, key) == signature
    end,
  }
end


local function asymmetric(digest, padding, opts, signature_len)
  return {
    sign = function(data, key)
      return assert(key_of(key):sign(data, digest, padding, opts))
    end,
    verify = function(data, signature, key)
      local public = key_of(key)
      if signature_len and #signature ~= signature_len then
        return false
      end
      return (public:verify(signature, data, digest, padding, opts)) == true
    end,
  }
end


for bits, raw_len in pairs { ["256"] = 64, ["384"] = 96, ["512"] = 132 } do
  local digest = "sha" .. bits
  algorithms["HS" .. bits] = hmac(digest)
  algorithms["RS" .. bits] = asymmetric(digest)
  algorithms["PS" .. bits] = asymmetric(digest, PSS)
  algorithms["ES" .. bits] = asymmetric(digest, nil, RAW, raw_len)
end
algorithms.EdDSA = asymmetric()


local function encode_base64(bytes)
  return (ngx.encode_base64(bytes, true):gsub("+", "-"):gsub("/", "_"))
end


local function decode_base64(text)
  local rest = #text % 4
  if rest > 0 then
    text = text .. ("="):rep(4 - rest)
  end
  return ngx.decode_base64((text:gsub("-", "+"):gsub("_", "/")))
end


local function decode_parts(header, claims, signature)
  return cjson.decode(decode_base64(header)), cjson.decode(decode_base64(claims)), decode_base64(signature)
end


-- A parsed token, or nil and what is wrong with it. Nothing is verified.
function parser:new(token)
  if type(token) ~= "string" then
    error("Token must be a string, got " .. tostring(token), 2)
  end
  local header_64, claims_64, signature_64 = token:match("^([^.]*)%.([^.]*)%.(.*)$")
  if not header_64 then
    return nil, "invalid JSON"
  end
  local ok, header, claims, signature = pcall(decode_parts, header_64, claims_64, signature_64)
  if not ok or type(header) ~= "table" then
    return nil, "invalid JSON"
  end
  if type(header.alg) ~= "string" or not algorithms[header.alg] then
    return nil, "invalid alg"
  end
  if type(claims) ~= "table" then
    return nil, "invalid claims"
  end
  if not signature then
    return nil, "invalid signature"
  end
  return setmetatable({
    token = token,
    header_64 = header_64,
    claims_64 = claims_64,
    signature_64 = signature_64,
    header = header,
    claims = claims,
    signature = signature,
  }, parser)
end


-- key: the secret, or the public key in PEM form, by the algorithm that the token's header names. A caller
-- that expects another algorithm has to compare it first.
function parser:verify_signature(key)
  return algorithms[self.header.alg].verify(self.header_64 .. "." .. self.claims_64, self.signature, key)
end


function parser:base64_decode(text)
  return decode_base64(text)
end


local checks = {
  exp = function(value)
    return value <= ngx.time() and "token expired"
  end,
  nbf = function(value)
    return value > ngx.time() and "token not valid yet"
  end,
}


-- names: "exp" and "nbf". true, or false and {name = message}.
function parser:verify_registered_claims(names)
  local errors
  for _, name in ipairs(names or {}) do
    local value = self.claims[name]
    local message
    if type(value) ~= "number" then
      message = "must be a number"
    else
      message = checks[name](value)
    end
    if message then
      errors = errors or {}
      errors[name] = message
    end
  end
  return errors == nil, errors
end


-- seconds: how far away `exp` may be; 0 for no limit.
function parser:check_maximum_expiration(seconds)
  if seconds <= 0 then
    return true
  end
  local exp = self.claims.exp
  if type(exp) ~= "number" or exp - ngx.time() > seconds then
    return false, { exp = "exceeds maximum allowed expiration" }
  end
  return true
end


-- A signed token. header: replaces the usual one.
function parser.encode(claims, key, alg, header)
  if type(claims) ~= "table" then
    error("Argument #1 must be table", 2)
  end
  if type(key) ~= "string" then
    error("Argument #2 must be string", 2)
  end
  if header and type(header) ~= "table" then
    error("Argument #4 must be a table", 2)
  end
  alg = alg or "HS256"
  local algorithm = algorithms[alg]
  if not algorithm then
    error("Algorithm not supported", 2)
  end
  header = header or { typ = "JWT", alg = alg }
  local text = encode_base64(cjson.encode(header)) .. "." .. encode_base64(cjson.encode(claims))
  return text .. "." .. encode_base64(algorithm.sign(text, key))
end


return parser
