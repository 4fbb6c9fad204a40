-- HMAC by its older interface: new(key, digest), then as resty.openssl.mac.
local lib = require "resty.openssl.lib"
local mac = require "resty.openssl.mac"

local hmac = {
  update = mac.update,
  final = mac.final,
  reset = mac.reset,
}
hmac.__index = hmac


function hmac.new(key, digest)
  local object, err = mac.new(key, "HMAC", nil, digest or "sha1")
  if not object then
    return nil, (err:gsub("^mac", "hmac"))
  end
  return setmetatable(object, hmac)
end


function hmac.istype(object)
  return lib.istype(object, hmac)
end


return hmac
