-- Whether a data plane's certificate was revoked (`cluster_ocsp`, mode pki): asks the OCSP responder that the certificate names. The issuer's
-- certificate is taken from what the data plane presented or from cluster_ca_cert.

local http = require("resty.http")
local identity = require("kong.clustering.identity")
local ocsp = require("ngx.ocsp")
local ssl = require("ngx.ssl")

local TIMEOUT_MS = 5000
local NO_RESPONDER = "ocsp responder endpoint can not be determined, maybe the client certificate is missing the required extensions"

local revocation = {}


-- DER of the leaf followed by its issuer, and the responder's URL; nil, err.
local function chain_of(presented, ca)
  local leaf, err, url
  for pem in (presented .. "\n" .. ca):gmatch("%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-.-%-%-%-%-%-END CERTIFICATE%-%-%-%-%-\n?") do
    local der = ssl.cert_pem_to_der(pem)
    if der and not leaf then
      leaf = der
    elseif der then
      url, err = ocsp.get_ocsp_responder_from_der_chain(leaf .. der)
      if not err then
        return leaf .. der, url
      end
    end
  end
  return nil, "no issuer of the client certificate found" .. (err and ": " .. err or "")
end


local function ask(url, request)
  local client = http.new()
  client:set_timeout(TIMEOUT_MS)
  local answer, err = client:request_uri(url, { method = "POST", body = request, headers = { ["Content-Type"] = "application/ocsp-request" } })
  if not answer then
    return nil, "failed sending request to OCSP responder: " .. tostring(err)
  elseif answer.status ~= 200 then
    return nil, "OCSP responder returns bad HTTP status code: " .. answer.status
  end
  return answer.body
end


-- presented: PEM, leaf first. True: the certificate is good; false, reason: it was revoked; nil, err: nobody knows. May yield for seconds.
function revocation.check(conf, presented)
  local ca, err = identity.material(conf.cluster_ca_cert, "cluster CA certificate")
  if not ca then
    return nil, err
  end
  local chain, url = chain_of(presented, ca)
  if not chain then
    return nil, url
  elseif not url then
    return nil, NO_RESPONDER
  end
  local request, answer
  request, err = ocsp.create_ocsp_request(chain)
  if not request then
    return nil, "failed to create OCSP request: " .. err
  end
  answer, err = ask(url, request)
  if not answer then
    return nil, err
  end
  local ok
  ok, err = ocsp.validate_ocsp_response(answer, chain)
  if ok then
    return true
  elseif err:find("revoked", 1, true) then
    return false, err
  end
  return nil, "failed to validate OCSP response: " .. err
end


return revocation
