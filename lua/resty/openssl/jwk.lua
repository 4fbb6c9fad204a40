-- JSON Web Keys: to and from the parameters that keys are made of.
-- Used by resty.openssl.pkey only.
local bn = require "resty.openssl.bn"
local cjson = require "cjson.safe"

local jwk = {}

local CURVES = { ["P-256"] = "prime256v1", ["P-384"] = "secp384r1", ["P-521"] = "secp521r1" }
local CURVE_NAMES = { prime256v1 = "P-256", secp384r1 = "P-384", secp521r1 = "P-521", ["P-256"] = "P-256",
                      ["P-384"] = "P-384", ["P-521"] = "P-521" }
local WIDTHS = { ["P-256"] = 32, ["P-384"] = 48, ["P-521"] = 66 }
local OKP = { Ed25519 = "ED25519", X25519 = "X25519", Ed448 = "ED448", X448 = "X448" }

local RSA_FIELDS = { n = "n", e = "e", d = "d", p = "p", q = "q", dp = "dmp1", dq = "dmq1", qi = "iqmp" }


local function decode(text)
  if type(text) ~= "string" then
    return nil
  end
  text = text:gsub("-", "+"):gsub("_", "/")
  return ngx.decode_base64(text .. ("="):rep(-#text % 4))
end


local function encode(bytes)
  return (ngx.encode_base64(bytes):gsub("+", "-"):gsub("/", "_"):gsub("=", ""))
end


local function load_rsa(key)
  local fields = {}
  for name, field in pairs(RSA_FIELDS) do
    if key[name] then
      local bytes = decode(key[name])
      if not bytes then
        return nil, nil, "jwk: cannot decode parameter \"" .. name .. "\""
      end
      fields[field] = bn.from_binary(bytes)
    end
  end
  if not fields.n or not fields.e then
    return nil, nil, "jwk: at least \"n\" and \"e\" parameter is required"
  end
  return "RSA", fields
end


local function load_ec(key)
  local curve, width = CURVES[key.crv], WIDTHS[key.crv]
  if not curve then
    return nil, nil, "jwk: curve is not supported"
  end
  local x, y, d = decode(key.x), decode(key.y), key.d and decode(key.d)
  if not x or not y then
    return nil, nil, "jwk: at least \"x\" and \"y\" parameter is required"
  end
  x, y = ("\0"):rep(width - #x) .. x, ("\0"):rep(width - #y) .. y
  return "EC", { group = curve, public = "\4" .. x .. y, private = d and bn.from_binary(d) }
end


local function load_okp(key)
  local kind = OKP[key.crv]
  if not kind then
    return nil, nil, "jwk: curve is not supported"
  end
  local x, d = key.x and decode(key.x), key.d and decode(key.d)
  if not x and not d then
    return nil, nil, "jwk: at least one of \"x\" and \"d\" parameter is required"
  end
  return kind, { public = not d and x or nil, private = d }
end


local loaders = { RSA = load_rsa, EC = load_ec, OKP = load_okp }


-- type name, fields | nil, nil, err
function jwk.load(text)
  local key = cjson.decode(text)
  if type(key) ~= "table" then
    return nil, nil, "jwk: cannot decode JSON"
  end
  local load = loaders[key.kty]
  if not load then
    return nil, nil, "jwk: not yet supported jwk type \"" .. tostring(key.kty) .. "\""
  end
  return load(key)
end


-- fields: as pkey:get_parameters, with `group` as text for EC keys.
function jwk.dump(kind, fields, want_private)
  local key = {}
  if kind == "RSA" then
    key.kty = "RSA"
    for name, field in pairs(RSA_FIELDS) do
      if fields[field] and (want_private or name == "n" or name == "e") then
        key[name] = encode(fields[field]:to_binary())
      end
    end
  elseif kind == "EC" then
    local curve = CURVE_NAMES[fields.group]
    if not curve then
      return nil, "jwk: curve is not supported"
    end
    key.kty, key.crv = "EC", curve
    key.x, key.y = encode(fields.x:to_binary(WIDTHS[curve])), encode(fields.y:to_binary(WIDTHS[curve]))
    if want_private and fields.private then
      key.d = encode(fields.private:to_binary(WIDTHS[curve]))
    end
  else
    for name, id in pairs(OKP) do
      if id == kind then
        key.kty, key.crv = "OKP", name
      end
    end
    if not key.kty then
      return nil, "jwk: not implemented for this key type"
    end
    key.x = encode(fields.public)
    key.d = want_private and fields.private and encode(fields.private) or nil
  end
  return cjson.encode(key)
end


return jwk
