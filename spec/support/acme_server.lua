-- Plays an ACME server inside a node's pre-function: checks signatures, nonces and challenges, and signs certificates with
-- a CA of its own. What it has to remember is in the shared dictionary `kong`. Port 80 of a host is told in HOST_PORT.
local base64 = require "ngx.base64"
local bn = require "resty.openssl.bn"
local cjson = require "cjson.safe"
local csr = require "resty.openssl.x509.csr"
local digest = require "resty.openssl.digest"
local http = require "resty.http"
local name_lib = require "resty.openssl.x509.name"
local pkey = require "resty.openssl.pkey"
local x509 = require "resty.openssl.x509"

local decode = base64.decode_base64url
local dict = ngx.shared.kong

local server = {}


local function answer(status, body, headers)
  headers = headers or {}
  local nonce = tostring(dict:incr("nonce", 1, 0))
  dict:set("nonce:" .. nonce, true)
  headers["Replay-Nonce"] = nonce
  return kong.response.exit(status, body, headers)
end


local function refuse(kind)
  return answer(400, { type = "urn:ietf:params:acme:error:" .. kind, detail = kind })
end


-- The payload of a signed request.
local function open(url)
  local body = cjson.decode(kong.request.get_raw_body())
  local header = cjson.decode(decode(body.protected))
  if header.url ~= url then
    return refuse("malformed")
  end
  if not dict:get("nonce:" .. header.nonce) then
    return refuse("badNonce")
  end
  dict:delete("nonce:" .. header.nonce)
  local jwk = header.jwk or cjson.decode(dict:get(header.kid))
  local key = pkey.new(cjson.encode(jwk), { format = "JWK" })
  local is_right = key:verify(decode(body.signature), body.protected .. "." .. body.payload, "sha256", nil,
                              { ecdsa_use_raw = true })
  if not is_right then
    return refuse("malformed")
  end
  return body.payload ~= "" and cjson.decode(decode(body.payload)) or nil, jwk
end


local function check_challenge(host_port, token, jwk)
  local members = ('{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}'):format(jwk.x, jwk.y)
  local wanted = token .. "." .. base64.encode_base64url(digest.new("sha256"):final(members))
  local res = http.new():request_uri("http://127.0.0.1:" .. host_port .. "/.well-known/acme-challenge/" .. token, {
    headers = { Host = dict:get("host") },
  })
  return res and res.body == wanted
end


local function issue(der)
  local request = csr.new(der, "DER")
  local ca_key = pkey.new({ type = "EC", curve = "prime256v1" })
  local cert = x509.new()
  cert:set_version(3)
  cert:set_serial_number(bn.new(dict:incr("serial", 1, 0)))
  cert:set_subject_name(request:get_subject_name())
  cert:set_issuer_name(name_lib.new():add("CN", "test ca"))
  cert:set_not_before(ngx.time() - 60)
  cert:set_not_after(ngx.time() + 86400 * 90)
  cert:set_pubkey(request:get_pubkey())
  cert:sign(ca_key, digest.new("sha256"))
  return cert:to_PEM()
end


function server.run(base, host_port)
  local path = kong.request.get_path()
  local url = base .. path
  if path == "/directory" then
    return answer(200, { newNonce = base .. "/nonce", newAccount = base .. "/account", newOrder = base .. "/order" })
  elseif path == "/nonce" then
    return answer(200)
  end
  local payload, jwk = open(url)
  if path == "/account" then
    dict:set(base .. "/account/1", cjson.encode(jwk))
    return answer(201, payload, { Location = base .. "/account/1" })
  elseif path == "/order" then
    dict:set("host", payload.identifiers[1].value)
    local order = { status = "pending", authorizations = { base .. "/authz" }, finalize = base .. "/finalize" }
    return answer(201, order, { Location = base .. "/order/1" })
  elseif path == "/authz" then
    local challenge = { type = "http-01", token = "tok", url = base .. "/challenge" }
    return answer(200, { status = dict:get("authz") or "pending", challenges = { { type = "dns-01" }, challenge } })
  elseif path == "/challenge" then
    dict:set("authz", check_challenge(host_port, "tok", jwk) and "valid" or "invalid")
    return answer(200, {})
  elseif path == "/finalize" then
    dict:set("cert", issue(decode(payload.csr)))
    return answer(200, { status = "processing" })
  elseif path == "/order/1" then
    return answer(200, { status = "valid", certificate = base .. "/cert" })
  elseif path == "/cert" then
    return answer(200, dict:get("cert"), { ["Content-Type"] = "application/pem-certificate-chain" })
  end
  return refuse("malformed")
end


return server
