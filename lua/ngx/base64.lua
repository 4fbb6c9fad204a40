-- require "ngx.base64": the URL-safe alphabet without padding.
local encode = require "ngx.encode"

return {
  encode_base64url = encode.encode_base64url,
  decode_base64url = encode.decode_base64url,
}
