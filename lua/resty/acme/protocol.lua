-- Certificates from an ACME server (RFC 8555): accounts, orders, the http-01 challenge. A client is made for one account
-- and used for one order; it keeps the account's URL and the newest nonce.
local altname = require "resty.openssl.x509.altname"
local cjson = require "cjson.safe"
local csr = require "resty.openssl.x509.csr"
local encode_base64url = require("ngx.base64").encode_base64url
local decode_base64url = require("ngx.base64").decode_base64url
local http = require "resty.http"
local jws = require "resty.acme.jws"
local name_lib = require "resty.openssl.x509.name"
local x509 = require "resty.openssl.x509"

local fmt = string.format
local gmatch = string.gmatch
local ipairs = ipairs
local match = string.match
local ngx = ngx
local setmetatable = setmetatable
local type = type

local Client = {}
Client.__index = Client

local BAD_NONCE = "urn:ietf:params:acme:error:badNonce"
local TRIES_MAX = 3
local POLLS_MAX, POLL_PAUSE_S = 30, 1
local TIMEOUT_MS = 30000


-- options: { api_uri, key (resty.openssl.pkey), email, eab_kid, eab_hmac_key, preferred_chain,
-- on_challenge(token, answer), after_challenge(token) }
function Client.new(options)
  return setmetatable({ options = options }, Client)
end


local function send(method, url, body)
  local requester = http.new()
  requester:set_timeout(TIMEOUT_MS)
  local res, err = requester:request_uri(url, {
    method = method,
    body = body,
    headers = { ["Content-Type"] = body and "application/jose+json" },
    ssl_verify = true,
  })
  if not res then
    return nil, fmt("%s %s: %s", method, url, err)
  end
  return res
end


-- What a server says went wrong.
local function problem(res, url)
  local answer = cjson.decode(res.body or "")
  local text = type(answer) == "table" and (answer.detail or answer.type) or "status " .. res.status
  return url .. ": " .. text, type(answer) == "table" and answer.type
end


local function take_nonce(self)
  local nonce = self.nonce
  if nonce then
    self.nonce = nil
    return nonce
  end
  local res, err = send("HEAD", self.directory.newNonce)
  if not res then
    return nil, err
  end
  nonce = res.headers["Replay-Nonce"]
  if not nonce then
    return nil, "no nonce from " .. self.directory.newNonce
  end
  return nonce
end


-- A signed request; payload "" only asks. Returns the decoded body (or the text, when is_text) and the headers | nil, err.
local function post(self, url, payload, is_text)
  local res, err, kind
  for _ = 1, TRIES_MAX do
    local header = { url = url }
    header.nonce, err = take_nonce(self)
    if not header.nonce then
      return nil, err
    end
    if self.account_url then
      header.kid = self.account_url
    else
      header.jwk = jws.public_key(self.options.key)
    end
    local body
    body, err = jws.sign(self.options.key, header, payload)
    if not body then
      return nil, err
    end
    res, err = send("POST", url, body)
    if not res then
      return nil, err
    end
    self.nonce = res.headers["Replay-Nonce"]
    if res.status < 400 then
      return is_text and res.body or cjson.decode(res.body) or {}, res.headers
    end
    err, kind = problem(res, url)
    if kind ~= BAD_NONCE then
      break
    end
  end
  return nil, err
end


-- Asks for what the server offers and logs the account in; a new one is made when there is none.
function Client:log_in()
  local options = self.options
  local res, err = send("GET", options.api_uri)
  if not res then
    return nil, err
  end
  self.directory = cjson.decode(res.body)
  if res.status ~= 200 or type(self.directory) ~= "table" then
    return nil, options.api_uri .. " is no directory of an ACME server"
  end
  local account = { termsOfServiceAgreed = true, contact = options.email and { "mailto:" .. options.email } or nil }
  if options.eab_kid and options.eab_hmac_key then
    local secret = decode_base64url(options.eab_hmac_key)
    account.externalAccountBinding = jws.bind(options.key, self.directory.newAccount, options.eab_kid, secret)
  end
  local body, headers = post(self, self.directory.newAccount, account)
  if not body then
    return nil, headers
  end
  self.account_url = headers["Location"]
  return true
end


-- Asks until the object has one of the final states.
local function wait(self, url, wanted)
  for _ = 1, POLLS_MAX do
    local object, err = post(self, url, "")
    if not object then
      return nil, err
    end
    if object.status == wanted then
      return object
    end
    if object.status == "invalid" then
      return nil, url .. " is invalid: " .. cjson.encode(object.error or object.challenges or {})
    end
    ngx.sleep(POLL_PAUSE_S)
  end
  return nil, url .. " did not become " .. wanted
end


local function challenge_of(authorization)
  for _, challenge in ipairs(authorization.challenges or {}) do
    if challenge.type == "http-01" then
      return challenge
    end
  end
end


local function authorize(self, url)
  local options = self.options
  local authorization, err = post(self, url, "")
  if not authorization then
    return nil, err
  end
  if authorization.status == "valid" then
    return true
  end
  local challenge = challenge_of(authorization)
  if not challenge then
    return nil, "the server offers no http-01 challenge"
  end
  local token = challenge.token
  local ok
  ok, err = options.on_challenge(token, token .. "." .. jws.thumbprint(options.key))
  if not ok then
    return nil, err
  end
  local answer
  answer, err = post(self, challenge.url, {})
  if answer then
    answer, err = wait(self, url, "valid")
  end
  options.after_challenge(token)
  if not answer then
    return nil, err
  end
  return true
end


-- A request for a certificate, in DER.
local function request_for(host, key)
  local request = csr.new()
  local ok, err = request:set_subject_name(name_lib.new():add("CN", host))
  if ok then
    ok, err = request:set_subject_alt_name(altname.new():add(match(host, "^[%d.]+$") and "IP" or "DNS", host))
  end
  if ok then
    ok, err = request:set_pubkey(key)
  end
  if ok then
    ok, err = request:sign(key)
  end
  if not ok then
    return nil, err
  end
  return request:tostring("DER")
end


-- Common name of who issued the last certificate of a chain.
local function root_of(chain)
  local last
  for pem in gmatch(chain, "%-%-%-%-%-BEGIN CERTIFICATE.-END CERTIFICATE%-%-%-%-%-") do
    last = pem
  end
  local cert = last and x509.new(last)
  local name = cert and cert:get_issuer_name():find("CN")
  return name and name.blob
end


-- The certificate with its chain; another chain that the server offers when its root has the wanted name.
local function download(self, url)
  local chain, headers = post(self, url, "", true)
  local wanted = self.options.preferred_chain
  if not chain or not wanted or root_of(chain) == wanted then
    return chain, headers
  end
  local links = headers["Link"]
  for _, link in ipairs(type(links) == "table" and links or { links }) do
    local other_url = match(link, "^<([^>]+)>;.*rel=\"alternate\"")
    local other = other_url and post(self, other_url, "", true)
    if other and root_of(other) == wanted then
      return other
    end
  end
  return chain
end


-- A certificate for a host's key: PEM with its chain | nil, err. After log_in.
function Client:order(host, key)
  local body = { identifiers = { { type = match(host, "^[%d.]+$") and "ip" or "dns", value = host } } }
  local order, headers = post(self, self.directory.newOrder, body)
  if not order then
    return nil, headers
  end
  local order_url = headers["Location"]
  local ok, err
  for _, url in ipairs(order.authorizations or {}) do
    ok, err = authorize(self, url)
    if not ok then
      return nil, err
    end
  end
  local der
  der, err = request_for(host, key)
  if not der then
    return nil, err
  end
  ok, err = post(self, order.finalize, { csr = encode_base64url(der) })
  if ok and ok.status ~= "valid" then
    ok, err = wait(self, order_url, "valid")
  end
  if not ok then
    return nil, err
  end
  return download(self, ok.certificate)
end


return Client
