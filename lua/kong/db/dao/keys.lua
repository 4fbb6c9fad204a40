-- Keys as texts for plugins: kong.db.keys:get_pubkey(key), :get_privkey(key).
-- Methods over those of kong.db.dao for kong.db.keys.
local keys = {}


-- part: "public_key" or "private_key" of a key given as PEM; a JWK holds both.
local function load_key(key, part)
  local pkey = require "resty.openssl.pkey"
  if key.jwk then
    return pkey.new(key.jwk, { format = "JWK" })
  end
  local text = key.pem and key.pem[part]
  if not text then
    return nil, part .. " key not found."
  end
  return pkey.new(text, { format = "PEM" })
end


-- In the form it is kept in: JWK or PEM. text | nil, err.
local function text_of(key, part)
  if type(key) ~= "table" then
    return nil, "key must be a table"
  end
  local loaded, err = load_key(key, part)
  if not loaded then
    return nil, "could not load pkey. " .. tostring(err)
  end
  return loaded:tostring(part == "public_key" and "public" or "private", key.jwk and "JWK" or "PEM")
end


function keys.get_pubkey(_, key)
  return text_of(key, "public_key")
end


function keys.get_privkey(_, key)
  return text_of(key, "private_key")
end


return keys
