-- TLS certificates of listeners: those that were given, otherwise self-signed ones. An elliptic one is made at once
-- (milliseconds); the RSA one, which takes a hundred times longer, in a process of its own while the node boots.
-- Both are kept in the prefix's ssl folder, or in memory when the prefix cannot be written.
local cgroup = require "kong.conf.cgroup"
local ffi = require "ffi"
local posix = require "kgw.posix"

local C = ffi.C

local RSA_2048, P_256 = 0, 1
local DAYS = 7300
local WAIT_MS = 400

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


--- Begins: given and elliptic certificates are there at once, RSA ones are being made when they are missing.
-- Returns a job for finish(), or nil, err.
function certificates.begin(conf, is_usable)
  local job = { material = {}, missing = {} }
  local kinds = { { "ssl", "", conf.proxy_ssl_enabled or conf.stream_proxy_ssl_enabled } }
  if conf.role ~= "data_plane" then
    kinds[2] = { "ssl_admin", "admin_", conf.admin_ssl_enabled }
  end
  kinds[#kinds + 1] = { "ssl_status", "status_", conf.status_ssl_enabled }
  for _, kind in ipairs(kinds) do
    local what, prefix, is_on = kind[1], kind[2], kind[3]
    local certs = conf[prefix .. "ssl_cert"]
    if is_on and #certs > 0 then
      job.material[what] = given_pairs(certs, conf[prefix .. "ssl_cert_key"])
    elseif is_on then
      local pair, err = elliptic_pair(conf[prefix .. "ssl_cert_default_ecdsa"], conf[prefix .. "ssl_cert_key_default_ecdsa"], is_usable)
      if not pair then
        return nil, err
      end
      local crt, key = conf[prefix .. "ssl_cert_default"], conf[prefix .. "ssl_cert_key_default"]
      job.material[what] = { pair }
      if is_usable then
        job.missing[#job.missing + 1] = { what = what, cert = crt, key = key }
      end
    end
  end
  if conf.role == "control_plane" then
    job.material.ssl_cluster = { { cert = conf.cluster_cert, key = conf.cluster_cert_key } }
  end
  for _, item in ipairs(job.missing) do
    if not (posix.exists(item.cert) and posix.exists(item.key)) then
      item.is_new = true
      C.kgw_ffi_self_signed_later(RSA_2048, "localhost", DAYS, item.cert, item.key)
    end
  end
  return job
end


--- Waits a little for the RSA certificates, unless the processor is too small for that, and returns the material:
-- what -> list of {cert, key}. A late one is used from the next start or reload on.
function certificates.finish(job)
  local quota = cgroup.quota()
  local left = quota and quota < 1 and 0 or WAIT_MS
  for _, item in ipairs(job.missing) do
    while item.is_new and not posix.exists(item.cert) and left > 0 do
      posix.sleep_ms(2)
      left = left - 2
    end
    if posix.exists(item.cert) then
      table.insert(job.material[item.what], 1, { cert = item.cert, key = item.key })
    end
  end
  return job.material
end


return certificates
