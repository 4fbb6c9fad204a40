-- Where keys come from: text in PEM, DER or JWK form, or the generator.
-- Used by resty.openssl.pkey only. Functions return an EVP_PKEY that is freed with its cdata, or nil and an error.
local ffi = require "ffi"
local jwk = require "resty.openssl.jwk"
local lib = require "resty.openssl.lib"
local params = require "resty.openssl.params"
local pkey_params = require "resty.openssl.pkey_params"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local pkey_load = {}

local out = ffi.new("struct evp_pkey_st *[1]")


-- Without a passphrase an empty one is given: otherwise libcrypto would ask on the terminal.
local function passphrase(text, opts)
  local value = opts.passphrase
  if not value and opts.passphrase_cb and text:find("ENCRYPTED", 1, true) then
    value = opts.passphrase_cb()
  end
  value = value or ""
  return ffi.cast("void *", ffi.cast("const char *", value)), value
end


local function read_pkcs1_public(text)
  local rsa = lib.read(text, C.RSA_free, C.PEM_read_bio_RSAPublicKey, nil, nil, nil)
  if not rsa then
    return nil
  end
  local key = ffi.gc(C.EVP_PKEY_new(), C.EVP_PKEY_free)
  return C.EVP_PKEY_set1_RSA(key, rsa) == 1 and key or nil
end


local function load_pem(text, opts, want)
  local secret, keep = passphrase(text, opts)
  local key
  if want.private then
    key = lib.read(text, C.EVP_PKEY_free, C.PEM_read_bio_PrivateKey, nil, nil, secret)
  end
  if not key and want.public then
    key = lib.read(text, C.EVP_PKEY_free, C.PEM_read_bio_PUBKEY, nil, nil, secret) or read_pkcs1_public(text)
  end
  return key, keep
end


local function load_der(text, want)
  local key
  if want.private then
    key = lib.read(text, C.EVP_PKEY_free, C.d2i_PrivateKey_bio, nil)
  end
  if not key and want.public then
    key = lib.read(text, C.EVP_PKEY_free, C.d2i_PUBKEY_bio, nil)
  end
  return key
end


local function load_jwk(text)
  local kind, fields, err = jwk.load(text)
  if not kind then
    return nil, "pkey.new:load_key: " .. err
  end
  return pkey_params.build(kind, fields)
end


-- opts: {format = "PEM" | "DER" | "JWK" | "*", type = "pr" | "pu" | "*", passphrase =, passphrase_cb =}
function pkey_load.load(text, opts)
  local format, kind = opts.format or "*", opts.type or "*"
  local want = { private = kind ~= "pu", public = kind ~= "pr" }
  if format == "JWK" or format == "*" and text:find("^%s*{") then
    return load_jwk(text)
  end
  C.ERR_clear_error()
  local key
  if format == "PEM" or format == "*" then
    key = load_pem(text, opts, want)
  end
  if not key and (format == "DER" or format == "*" and not text:find("-----BEGIN", 1, true)) then
    key = load_der(text, want)
  end
  if not key then
    return nil, format_error("pkey.new:load_key")
  end
  C.ERR_clear_error()
  return key
end


-- What a generator is told: OSSL_PARAMs and control strings.
local function generator_options(config, kind)
  local list, controls = {}, {}
  if kind == "RSA" then
    list[#list + 1] = { "bits", params.UNSIGNED, config.bits or 2048 }
    controls[#controls + 1] = config.exp and "rsa_keygen_pubexp:" .. config.exp or nil
  elseif kind == "EC" then
    list[#list + 1] = { "group", params.UTF8, config.curve or "prime192v1" }
  elseif kind == "DH" and config.group then
    list[#list + 1] = { "group", params.UTF8, config.group }
  elseif kind == "DH" then
    list[#list + 1] = { "pbits", params.UNSIGNED, config.bits or 2048 }
  end
  for _, control in ipairs(config) do
    controls[#controls + 1] = control
  end
  return list, controls
end


local function configure(ctx, config, kind)
  local list, controls = generator_options(config, kind)
  local array, keep = params.build(list)
  if #list > 0 and C.EVP_PKEY_CTX_set_params(ctx, array) ~= 1 then
    return nil, format_error("pkey.new")
  end
  for _, control in ipairs(controls) do
    local name, value = tostring(control):match("^([^:]+):(.*)$")
    if not name or C.EVP_PKEY_CTX_ctrl_str(ctx, name, value) <= 0 then
      return nil, format_error("pkey.new: option " .. tostring(control))
    end
  end
  return true, keep
end


local function context_for(kind, param_pem)
  local ctx
  if param_pem then
    local template = lib.read(param_pem, C.EVP_PKEY_free, C.PEM_read_bio_Parameters, nil)
    if not template then
      return nil, format_error("pkey.new:load_param")
    end
    ctx = C.EVP_PKEY_CTX_new(template, nil)
  else
    ctx = C.EVP_PKEY_CTX_new_from_name(nil, kind, nil)
  end
  if ctx == nil then
    return nil, format_error("pkey.new: unsupported type " .. tostring(kind))
  end
  return ffi.gc(ctx, C.EVP_PKEY_CTX_free)
end


-- config: {type = "RSA", bits =, exp =} | {type = "EC", curve =} | {type = "DH", group | bits =} |
-- {type = "Ed25519"} ...; with `params` the key is built from its numbers, with `param` from PEM parameters.
function pkey_load.generate(config)
  local kind = (config.type or "RSA"):upper()
  if config.params then
    return pkey_params.build(kind, config.params)
  end
  local ctx, err = context_for(kind, config.param)
  if not ctx then
    return nil, err
  end
  if C.EVP_PKEY_keygen_init(ctx) ~= 1 then
    return nil, format_error("pkey.new:EVP_PKEY_keygen_init")
  end
  if not config.param then
    local ok
    ok, err = configure(ctx, config, kind)
    if not ok then
      return nil, err
    end
  end
  out[0] = nil
  if C.EVP_PKEY_keygen(ctx, out) ~= 1 then
    return nil, format_error("pkey.new:EVP_PKEY_keygen")
  end
  return ffi.gc(out[0], C.EVP_PKEY_free)
end


-- Parameters for EC or DH keys as PEM text.
function pkey_load.paramgen(config)
  local kind = (config.type or ""):upper()
  local ctx, err = context_for(kind)
  if not ctx then
    return nil, err
  end
  if C.EVP_PKEY_paramgen_init(ctx) ~= 1 then
    return nil, format_error("pkey.paramgen")
  end
  local ok
  ok, err = configure(ctx, config, kind)
  if not ok then
    return nil, err
  end
  out[0] = nil
  if C.EVP_PKEY_paramgen(ctx, out) ~= 1 then
    return nil, format_error("pkey.paramgen")
  end
  local key = ffi.gc(out[0], C.EVP_PKEY_free)
  local text = lib.written(C.PEM_write_bio_Parameters, key)
  if not text then
    return nil, format_error("pkey.paramgen")
  end
  return text
end


return pkey_load
