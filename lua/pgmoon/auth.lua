-- How a connection to Postgres says who it is: nothing (trust), cleartext password, MD5, SCRAM-SHA-256 (RFC 5802 and 7677, without
-- channel binding). Used by pgmoon only.
local bit = require "bit"
local wire = require "pgmoon.wire"

local byte = string.byte
local char = string.char
local find = string.find
local match = string.match
local message = wire.message
local sub = string.sub

local Auth = {}

local OK, CLEARTEXT, MD5, SASL, SASL_CONTINUE, SASL_FINAL = 0, 3, 5, 10, 11, 12
local MIN_ITERATIONS = 4096
local NO_PASSWORD = "the database is requesting a password for authentication but you did not provide a password"
-- Nothing that a server says before it knows us is longer.
local MAX_MESSAGE = 30000


-- Code and rest of the next authentication message; nil, err.
local function next_step(pg)
  local kind, body = wire.receive(pg, MAX_MESSAGE)
  if not kind then
    return nil, body
  elseif kind == "E" then
    return nil, (wire.parse_error(body))
  elseif kind ~= "R" or #body < 4 then
    return nil, "unexpected message during auth: " .. kind
  end
  return wire.read_int(body, 1), sub(body, 5)
end


-- Sends and takes the answer of this code. Returns its rest, or nil, err.
local function exchange(pg, body, expected)
  local ok, err = pg.sock:send(message("p", body))
  if not ok then
    return nil, err
  end
  local code, rest = next_step(pg)
  if not code then
    return nil, rest
  elseif code ~= expected then
    return nil, "unknown response from auth"
  end
  return rest
end


local function xor(a, b)
  local out = {}
  for i = 1, #a do
    out[i] = char(bit.bxor(byte(a, i), byte(b, i)))
  end
  return table.concat(out)
end


-- The last message of the client, and the signature in base64 that the server must show; nil, err.
local function scram_proof(password, first_bare, server_first)
  local crypto = require "pgmoon.crypto"
  local nonce, salt, iterations = match(server_first, "^r=([^,]+),s=([^,]+),i=(%d+)")
  if not nonce then
    return nil, "malformed server message"
  elseif sub(nonce, 1, #first_bare - #"n=,r=") ~= sub(first_bare, #"n=,r=" + 1) then
    return nil, "malformed server message (nonce)"
  elseif tonumber(iterations) < MIN_ITERATIONS then
    return nil, "the iteration-count sent by the server is less than 4096"
  end
  local salted, err = crypto.kdf_derive_sha256(password, salt, tonumber(iterations))
  if not salted then
    return nil, err
  end
  local without_proof = "c=" .. ngx.encode_base64("n,,") .. ",r=" .. nonce
  local signed = first_bare .. "," .. server_first .. "," .. without_proof
  local client_key = crypto.hmac_sha256(salted, "Client Key")
  local client_signature = crypto.hmac_sha256(crypto.digest_sha256(client_key), signed)
  local server_signature = crypto.hmac_sha256(crypto.hmac_sha256(salted, "Server Key"), signed)
  return without_proof .. ",p=" .. ngx.encode_base64(xor(client_key, client_signature)), ngx.encode_base64(server_signature)
end


local function scram(pg, password, mechanisms)
  if not find("\0" .. mechanisms, "\0SCRAM-SHA-256\0", 1, true) then
    return nil, "unsupported SCRAM mechanism name: " .. mechanisms:gsub("%z+", " ")
  end
  local first_bare = "n=,r=" .. ngx.encode_base64(require("pgmoon.crypto").random_bytes(18))
  local first = "n,," .. first_bare
  local server_first, err = exchange(pg, { "SCRAM-SHA-256\0", wire.int(#first), first }, SASL_CONTINUE)
  if not server_first then
    return nil, err
  end
  local final, signature = scram_proof(password, first_bare, server_first)
  if not final then
    return nil, signature
  end
  local server_final
  server_final, err = exchange(pg, final, SASL_FINAL)
  if not server_final then
    return nil, err
  elseif match(server_final, "^v=([^,]+)") ~= signature then
    return nil, "authentication exchange unsuccessful"
  end
  local code
  code, err = next_step(pg)
  return code == OK or nil, err or "unknown response from auth"
end


--- Answers what the server asks for after the startup message. Returns true, or nil, err.
function Auth.run(pg)
  local code, rest = next_step(pg)
  if not code then
    return nil, rest
  elseif code == OK then
    return true
  elseif code ~= CLEARTEXT and code ~= MD5 and code ~= SASL then
    return nil, "don't know how to auth: " .. code
  end
  local password = pg.config.password
  if not password then
    return nil, NO_PASSWORD
  end
  if code == SASL then
    return scram(pg, password, rest)
  end
  if code == MD5 then
    local md5 = ngx.md5
    password = "md5" .. md5(md5(password .. pg.config.user) .. sub(rest, 1, 4))
  end
  local answer, err = exchange(pg, password .. "\0", OK)
  return answer and true or nil, err
end


return Auth
