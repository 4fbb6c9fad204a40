-- require "resty.acme.util": keys and texts for code that orders certificates with resty.acme.client.
local base64 = require "ngx.base64"
local jws = require "resty.acme.jws"
local pkey = require "resty.openssl.pkey"

local util = {
  encode_base64url = base64.encode_base64url,
  decode_base64url = base64.decode_base64url,
  thumbprint = jws.thumbprint,
}


-- A new private key in PEM: kind "RSA" with bits, "EC" with a curve.
function util.create_pkey(bits, kind, curve)
  local key, err = pkey.new({ type = kind or "RSA", bits = kind ~= "EC" and (bits or 4096) or nil, curve = curve })
  if not key then
    return nil, err
  end
  return key:to_PEM("private")
end


return util
