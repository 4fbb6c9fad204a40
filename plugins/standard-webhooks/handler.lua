-- Lets webhooks in that are signed by the Standard Webhooks specification.
local mac = require "resty.openssl.mac"
local meta = require "kong.meta"

local kong = kong
local ngx = ngx


local StandardWebhooks = {
  PRIORITY = 760,
  VERSION = meta.version,
}


local function sign(secret, id, timestamp, body)
  local text = id .. "." .. timestamp .. "." .. body
  return "v1," .. ngx.encode_base64(assert(mac.new(secret, "HMAC", nil, "sha256")):final(text))
end


local function refuse(reason)
  kong.log.debug(reason)
  return kong.response.error(400)
end


function StandardWebhooks:access(conf)
  local id = kong.request.get_header("webhook-id")
  local signature = kong.request.get_header("webhook-signature")
  local timestamp = kong.request.get_header("webhook-timestamp")
  if not id or not signature or not timestamp then
    return refuse("missing required headers")
  end
  -- A timestamp that is no number counts as the oldest there is.
  timestamp = tonumber(timestamp) or 0
  if ngx.now() - timestamp > conf.tolerance_second then
    return refuse("timestamp tolerance exceeded")
  end
  local body = kong.request.get_raw_body()
  if not body or body == "" then
    return refuse("missing required body")
  end
  if signature ~= sign(conf.secret_v1, id, timestamp, body) then
    return refuse("signature not matched")
  end
end


return StandardWebhooks
