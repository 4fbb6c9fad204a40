-- require "ngx.ocsp": certificate status. Chains are DER: the certificate, then its issuer.
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C
local ffi_string = ffi.string
local OK, DECLINED, ENOMEM = base.OK, base.DECLINED, base.ENOMEM
local URL_MAX, REQUEST_MAX = 1024, 8192

local err_out = base.new_str()

local Ocsp = { version = "0.1.28" }


--- The responder's URL; nil when the certificate names none; nil, err.
function Ocsp.get_ocsp_responder_from_der_chain(chain, max)
  max = max or URL_MAX
  local buf = base.buf(max)
  local n = C.kgw_ffi_ocsp_responder(chain, #chain, buf, max, err_out)
  if n >= 0 then
    return ffi_string(buf, n)
  elseif n == DECLINED then
    return nil
  end
  return nil, base.text(err_out)
end


--- The request to send to the responder, DER; or nil, err.
function Ocsp.create_ocsp_request(chain, max)
  max = max or REQUEST_MAX
  local buf = base.buf(max)
  local n = C.kgw_ffi_ocsp_request(chain, #chain, buf, max, err_out)
  if n >= 0 then
    return ffi_string(buf, n)
  end
  return nil, n == ENOMEM and "output buffer too small" or base.text(err_out)
end


--- true when the answer says that the certificate is good; or nil, err.
function Ocsp.validate_ocsp_response(response, chain)
  if C.kgw_ffi_ocsp_validate(response, #response, chain, #chain, err_out) == OK then
    return true
  end
  return nil, base.text(err_out)
end


--- Sends the answer along with the certificate of the running handshake. true, nil (and "no status req" when the client did not
--- ask); or nil, err.
function Ocsp.set_ocsp_status_resp(response)
  base.check_phase(base.CERT)
  local rc = C.kgw_ffi_ocsp_staple(response, #response, err_out)
  if rc == OK then
    return true
  elseif rc == DECLINED then
    return true, "no status req"
  end
  return nil, base.text(err_out)
end


return Ocsp
