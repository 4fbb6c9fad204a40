-- Asymmetric keys and the numbers they are made of: reading them, and building keys from them.
-- Used by resty.openssl.pkey only.
local ffi = require "ffi"
local bn = require "resty.openssl.bn"
local lib = require "resty.openssl.lib"
local objects = require "resty.openssl.objects"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local pkey_params = {}

local SELECT_PUBLIC, SELECT_KEYPAIR, SELECT_PARAMETERS = 0x86, 0x87, 0x84

-- Our field names and those of libcrypto.
local BN_FIELDS = {
  RSA = {
    n = "n", e = "e", d = "d", p = "rsa-factor1", q = "rsa-factor2", dmp1 = "rsa-exponent1",
    dmq1 = "rsa-exponent2", iqmp = "rsa-coefficient1",
  },
  EC = { private = "priv", x = "qx", y = "qy" },
  DH = { p = "p", q = "q", g = "g", public = "pub", private = "priv" },
}

local KINDS = { [6] = "RSA", [912] = "RSA", [408] = "EC", [28] = "DH", [920] = "DH", [1034] = "X25519", [1035] = "X448",
                [1087] = "ED25519", [1088] = "ED448" }

local buf, len = ffi.new("unsigned char[1024]"), ffi.new("size_t[1]")
local out_bn, out_key = ffi.new("struct bignum_st *[1]"), ffi.new("struct evp_pkey_st *[1]")


-- "RSA", "EC", "DH", "ED25519" ... or nil.
function pkey_params.kind(ctx)
  return KINDS[C.EVP_PKEY_get_base_id(ctx)]
end


function pkey_params.get_bn(ctx, name)
  out_bn[0] = nil
  if C.EVP_PKEY_get_bn_param(ctx, name, out_bn) ~= 1 then
    C.ERR_clear_error()
    return nil
  end
  return bn.own(out_bn[0])
end


function pkey_params.get_octets(ctx, name)
  if C.EVP_PKEY_get_octet_string_param(ctx, name, buf, 1024, len) ~= 1 then
    C.ERR_clear_error()
    return nil
  end
  return ffi.string(buf, len[0])
end


function pkey_params.get_group(ctx)
  if C.EVP_PKEY_get_utf8_string_param(ctx, "group", ffi.cast("char *", buf), 1024, len) ~= 1 then
    C.ERR_clear_error()
    return nil
  end
  return ffi.string(buf, len[0])
end


-- See pkey:get_parameters; `group` stays a text.
function pkey_params.read(ctx)
  local kind = pkey_params.kind(ctx)
  local result = {}
  if not kind then
    return nil, "pkey:get_parameters: key type not supported"
  end
  for field, name in pairs(BN_FIELDS[kind] or {}) do
    result[field] = pkey_params.get_bn(ctx, name)
  end
  if kind == "EC" then
    result.group = pkey_params.get_group(ctx)
    local point = pkey_params.get_octets(ctx, "pub")
    result.public = point and bn.from_binary(point)
  elseif not BN_FIELDS[kind] then
    result.public = pkey_params.get_octets(ctx, "pub")
    result.private = pkey_params.get_octets(ctx, "priv")
  end
  return result
end


local function push_group(builder, group)
  local name = group
  if type(group) == "number" then
    local object = objects.nid2table(group)
    name = object and object.sn
  end
  if name then
    C.OSSL_PARAM_BLD_push_utf8_string(builder, "group", name, 0)
  end
end


-- The public point of an EC key: octets, a bn of them, or x and y.
local function ec_point(fields)
  local public = fields.public
  if bn.istype(public) then
    return public:to_binary()
  elseif public then
    return public
  end
  if fields.x and fields.y then
    local width = math.max(#fields.x:to_binary(), #fields.y:to_binary())
    return "\4" .. fields.x:to_binary(width) .. fields.y:to_binary(width)
  end
end


local function push_fields(builder, kind, fields)
  if kind == "EC" then
    push_group(builder, fields.group)
    local point = ec_point(fields)
    if point then
      C.OSSL_PARAM_BLD_push_octet_string(builder, "pub", point, #point)
    end
    if fields.private then
      C.OSSL_PARAM_BLD_push_BN(builder, "priv", fields.private.ctx)
    end
  elseif BN_FIELDS[kind] then
    push_group(builder, fields.group)
    for field, name in pairs(BN_FIELDS[kind]) do
      if fields[field] then
        C.OSSL_PARAM_BLD_push_BN(builder, name, fields[field].ctx)
      end
    end
  else
    for field, name in pairs { public = "pub", private = "priv" } do
      if fields[field] then
        C.OSSL_PARAM_BLD_push_octet_string(builder, name, fields[field], #fields[field])
      end
    end
  end
end


-- A new EVP_PKEY, or nil and an error.
function pkey_params.build(kind, fields)
  local builder = ffi.gc(C.OSSL_PARAM_BLD_new(), C.OSSL_PARAM_BLD_free)
  push_fields(builder, kind, fields)
  local array = C.OSSL_PARAM_BLD_to_param(builder)
  if array == nil then
    return nil, format_error("pkey.new")
  end
  ffi.gc(array, C.OSSL_PARAM_free)
  local ctx = C.EVP_PKEY_CTX_new_from_name(nil, kind, nil)
  if ctx == nil then
    return nil, format_error("pkey.new")
  end
  ffi.gc(ctx, C.EVP_PKEY_CTX_free)
  local selection = SELECT_PUBLIC
  if fields.private or fields.d then
    selection = SELECT_KEYPAIR
  elseif not fields.public and not fields.n and not fields.x then
    selection = SELECT_PARAMETERS
  end
  out_key[0] = nil
  if C.EVP_PKEY_fromdata_init(ctx) ~= 1 or C.EVP_PKEY_fromdata(ctx, out_key, selection, array) ~= 1 then
    return nil, format_error("pkey.new")
  end
  return ffi.gc(out_key[0], C.EVP_PKEY_free)
end


function pkey_params.is_private(ctx)
  local kind = pkey_params.kind(ctx)
  if kind == "RSA" then
    return pkey_params.get_bn(ctx, "d") ~= nil
  elseif BN_FIELDS[kind] then
    return pkey_params.get_bn(ctx, "priv") ~= nil
  end
  return pkey_params.get_octets(ctx, "priv") ~= nil
end


return pkey_params
