-- Session cookies: AES-256-GCM over JSON, with a key derived from the secret, in base64url.
-- Used by resty.session. A cookie is bound to its name and audience; it holds all of the session.
local cipher = require "resty.openssl.cipher"
local cjson = require "cjson.safe"
local digest = require "resty.openssl.digest"
local rand = require "resty.openssl.rand"

local ngx = ngx
local concat = table.concat

-- Bytes of a value in one cookie (browsers keep 4096 with name and attributes), and cookies for one value.
local cookie = { PIECE = 3800, MAX_PIECES = 9 }

local NONCE_LEN, TAG_LEN = 12, 16
local MIN_LEN = NONCE_LEN + TAG_LEN
local ONE_DAY_IN_1970 = "Thu, 01 Jan 1970 00:00:01 GMT"


local function encode_base64(bytes)
  return (ngx.encode_base64(bytes, true):gsub("+", "-"):gsub("/", "_"))
end


local function decode_base64(text)
  return ngx.decode_base64((text:gsub("-", "+"):gsub("_", "/")))
end


local keys = setmetatable({}, { __mode = "k" })

local function key_of(conf)
  local key = keys[conf]
  if not key then
    key = digest.new("sha256"):final("session cookie:" .. conf.secret)
    keys[conf] = key
  end
  return key
end


-- The cookie's value for a table of plain values.
function cookie.seal(conf, name, data)
  local text = assert(cjson.encode(data))
  local nonce = assert(rand.bytes(NONCE_LEN))
  local aes = assert(cipher.new("aes-256-gcm"))
  local sealed, err = aes:encrypt(key_of(conf), nonce, text, false, name .. "|" .. conf.audience)
  if not sealed then
    return nil, err
  end
  return encode_base64(nonce .. aes:get_aead_tag(TAG_LEN) .. sealed)
end


-- The table that a value holds, or nil and an error.
function cookie.open(conf, name, value)
  local bytes = decode_base64(value)
  if not bytes or #bytes <= MIN_LEN then
    return nil, "invalid session cookie"
  end
  local aes = assert(cipher.new("aes-256-gcm"))
  local text = aes:decrypt(key_of(conf), bytes:sub(1, NONCE_LEN), bytes:sub(MIN_LEN + 1), false,
                           name .. "|" .. conf.audience, bytes:sub(NONCE_LEN + 1, MIN_LEN))
  if not text then
    return nil, "invalid session cookie"
  end
  return cjson.decode(text)
end


-- max_age: seconds for a lasting cookie, 0 to drop it, nil for one that ends with the browser.
function cookie.header(conf, name, value, max_age)
  local parts = { name .. "=" .. value }
  if conf.cookie_domain then
    parts[#parts + 1] = "Domain=" .. conf.cookie_domain
  end
  parts[#parts + 1] = "Path=" .. (conf.cookie_path or "/")
  if conf.cookie_same_site and conf.cookie_same_site ~= "Default" then
    parts[#parts + 1] = "SameSite=" .. conf.cookie_same_site
  end
  if conf.cookie_secure then
    parts[#parts + 1] = "Secure"
  end
  if conf.cookie_http_only then
    parts[#parts + 1] = "HttpOnly"
  end
  if max_age == 0 then
    parts[#parts + 1] = "Expires=" .. ONE_DAY_IN_1970
    parts[#parts + 1] = "Max-Age=0"
  elseif max_age then
    parts[#parts + 1] = "Expires=" .. ngx.http_time(ngx.time() + max_age)
    parts[#parts + 1] = "Max-Age=" .. max_age
  end
  return concat(parts, "; ")
end


return cookie
