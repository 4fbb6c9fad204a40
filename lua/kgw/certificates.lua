-- TLS certificates of listeners: those that were given, otherwise self-signed ones. An elliptic one is made at once
-- (milliseconds); the RSA one, which takes a hundred times longer, in a process of its own that the start does not wait
-- for: it serves from the next start or reload on. Both are kept in the prefix's ssl folder; until the RSA pair is there
-- its files hold the elliptic one. When the prefix cannot be written there is only an elliptic pair, in memory.
local ffi = require "ffi"
local posix = require "kgw.posix"

local C = ffi.C

local RSA_2048, P_256 = 0, 1
local DAYS = 7300

local certificates = {}

local cert_out, key_out = ffi.new "kgw_ffi_str_t", ffi.new "kgw_ffi_str_t"


--- PEM texts of a new self-signed certificate and its key. kind: 0 RSA 2048, 1 P-256, 2 P-384. nil, err.
function certificates.generate(kind, name, days)
  if C.kgw_ffi_self_signed(kind, name, days, cert_out, key_out) ~= 0 then
    return nil, "cannot generate a certificate"
  end
  return ffi.string(cert_out.ptr, cert_out.len), ffi.string(key_out.ptr, key_out.len)
end


local function elliptic_pair(crt, key, is_usable)
  if is_usable and posix.exists(crt) and posix.exists(key) then
    return { cert = crt, key = key }
  end
  local cert_text, key_text = certificates.generate(P_256, "localhost", DAYS)
  if not cert_text then
    return nil, key_text
  end
  if is_usable and posix.write_file(key, key_text, 384) and posix.write_file(crt, cert_text, 420) then
    return { cert = crt, key = key }
  end
  return { cert = cert_text, key = key_text }
end


local function given_pairs(certs, keys)
  local out = {}
  for i, cert in ipairs(certs) do
    out[i] = { cert = cert, key = keys[i] }
  end
  return out
end


-- The RSA pair, nil while it is being made.
local function rsa_pair(crt, key, elliptic)
  local text = posix.read_file(crt)
  local placeholder = posix.read_file(elliptic.cert)
  if text and text ~= placeholder and posix.exists(key) then
    return { cert = crt, key = key }
  end
  if posix.write_file(key, posix.read_file(elliptic.key), 384) and posix.write_file(crt, placeholder, 420) then
    C.kgw_ffi_self_signed_later(RSA_2048, "localhost", DAYS, crt, key)
  end
  return nil
end


local function default_pairs(conf, prefix, is_usable)
  local elliptic, err = elliptic_pair(conf[prefix .. "ssl_cert_default_ecdsa"], conf[prefix .. "ssl_cert_key_default_ecdsa"], is_usable)
  if not elliptic then
    return nil, err
  end
  local rsa = is_usable and elliptic.cert:sub(1, 1) == "/"
    and rsa_pair(conf[prefix .. "ssl_cert_default"], conf[prefix .. "ssl_cert_key_default"], elliptic)
  return rsa and { rsa, elliptic } or { elliptic }
end


--- Certificates of all listeners: what -> list of {cert =, key =} (paths or PEM). nil, err.
-- is_usable: the prefix can be written.
function certificates.of(conf, is_usable)
  local kinds = { { "ssl", "", conf.proxy_ssl_enabled or conf.stream_proxy_ssl_enabled } }
  if conf.role ~= "data_plane" then
    kinds[2] = { "ssl_admin", "admin_", conf.admin_ssl_enabled }
  end
  kinds[#kinds + 1] = { "ssl_status", "status_", conf.status_ssl_enabled }
  local material = {}
  for _, kind in ipairs(kinds) do
    local what, prefix, is_on = kind[1], kind[2], kind[3]
    local certs = conf[prefix .. "ssl_cert"]
    if is_on and #certs > 0 then
      material[what] = given_pairs(certs, conf[prefix .. "ssl_cert_key"])
    elseif is_on then
      local err
      material[what], err = default_pairs(conf, prefix, is_usable)
      if not material[what] then
        return nil, err
      end
    end
  end
  if conf.role == "control_plane" then
    material.ssl_cluster = { { cert = conf.cluster_cert, key = conf.cluster_cert_key } }
  end
  return material
end


return certificates
