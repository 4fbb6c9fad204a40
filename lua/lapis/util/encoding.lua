-- require "lapis.util.encoding": base64, and values with a signature that shows whether somebody changed them. The secret is always
-- given: there is no lapis.config to take one from.
local cjson = require "cjson"

local Encoding = { encode_base64 = ngx.encode_base64, decode_base64 = ngx.decode_base64, hmac_sha1 = ngx.hmac_sha1 }

local digest = Encoding.hmac_sha1


function Encoding.hmac_sha256(secret, text)
  return assert(assert(require("resty.openssl.hmac").new(secret, "sha256")):final(text))
end


--- function(secret, text) for signatures from now on; HMAC-SHA1 by default.
function Encoding.set_hmac(fn)
  digest = fn
end


--- The value as text with a signature behind the separator (".").
function Encoding.encode_with_secret(value, secret, separator)
  assert(secret, "missing secret")
  local text = ngx.encode_base64(cjson.encode(value))
  return text .. (separator or ".") .. ngx.encode_base64(digest(secret, text))
end


--- The value of such a text; nil, err when the signature is not ours. separator: a pattern ("%.").
function Encoding.decode_with_secret(text, secret, separator)
  assert(secret, "missing secret")
  local message, signature = text:match("^(.*)" .. (separator or "%.") .. "(.*)$")
  if not message then
    return nil, "invalid format"
  elseif ngx.decode_base64(signature) ~= digest(secret, message) then
    return nil, "invalid signature"
  end
  return cjson.decode(ngx.decode_base64(message))
end


return Encoding
