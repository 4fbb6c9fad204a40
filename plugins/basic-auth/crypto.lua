-- How passwords are kept: SHA-1 over the password and the consumer's id, in hexadecimal.
local digest = require "resty.openssl.digest"
local to_hex = require("resty.string").to_hex

local crypto = {}


function crypto.hash(consumer_id, password)
  if type(password) ~= "string" then
    password = ""
  end
  return to_hex(assert(digest.new("sha1")):final(password .. consumer_id))
end


return crypto
