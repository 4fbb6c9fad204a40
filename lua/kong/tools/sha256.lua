-- SHA-256 of texts, raw and in the usual spellings.
local tools = {}


-- 32 bytes.
function tools.sha256_bin(text)
  local sha256 = require("resty.sha256"):new()
  sha256:update(text)
  return sha256:final()
end


function tools.sha256_hex(text)
  return require("resty.string").to_hex(tools.sha256_bin(text))
end


function tools.sha256_base64(text)
  return ngx.encode_base64(tools.sha256_bin(text))
end


function tools.sha256_base64url(text)
  return require("ngx.base64").encode_base64url(tools.sha256_bin(text))
end


return tools
