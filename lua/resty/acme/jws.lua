-- Signed JSON as ACME servers want it (RFC 7515, 8555): flat objects, signed with RS256, ES256 or HS256.
local cjson = require "cjson.safe"
local digest = require "resty.openssl.digest"
local encode_base64url = require("ngx.base64").encode_base64url
local hmac = require "resty.openssl.hmac"

local decode = cjson.decode
local encode = cjson.encode
local fmt = string.format

local jws = {}

local RAW = { ecdsa_use_raw = true }


-- The public key's members as an object.
function jws.public_key(key)
  local all = decode(key:tostring("public", "JWK"))
  if all.kty == "EC" then
    return { kty = "EC", crv = all.crv, x = all.x, y = all.y }
  end
  return { kty = "RSA", n = all.n, e = all.e }
end


-- What names a key: the hash of its members in alphabetical order.
function jws.thumbprint(key)
  local public = jws.public_key(key)
  local text
  if public.kty == "EC" then
    text = fmt('{"crv":"%s","kty":"EC","x":"%s","y":"%s"}', public.crv, public.x, public.y)
  else
    text = fmt('{"e":"%s","kty":"RSA","n":"%s"}', public.e, public.n)
  end
  return encode_base64url(digest.new("sha256"):final(text))
end


local function assemble(header, payload, signature)
  return { protected = header, payload = payload, signature = encode_base64url(signature) }
end


-- header: { nonce, url, and jwk or kid }; payload: a table, or "" to only ask. Returns the request's body.
function jws.sign(key, header, payload)
  local is_ec = jws.public_key(key).kty == "EC"
  header.alg = is_ec and "ES256" or "RS256"
  local head = encode_base64url(encode(header))
  local body = payload == "" and "" or encode_base64url(next(payload) == nil and "{}" or encode(payload))
  local signature, err = key:sign(head .. "." .. body, "sha256", nil, is_ec and RAW or nil)
  if not signature then
    return nil, err
  end
  return encode(assemble(head, body, signature))
end


-- Binds an account to one that the operator has elsewhere (external account binding).
function jws.bind(key, url, kid, secret)
  local head = encode_base64url(encode({ alg = "HS256", kid = kid, url = url }))
  local body = encode_base64url(encode(jws.public_key(key)))
  return assemble(head, body, hmac.new(secret, "sha256"):final(head .. "." .. body))
end


return jws
