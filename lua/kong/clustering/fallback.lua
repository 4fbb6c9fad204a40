-- The fallback copy: the last good configuration, encrypted, on a shared path or in an S3-compatible store, so that a new data plane can
-- serve while the control plane is away. Any data plane that holds the same key may write and read it.
-- Format: "KGWF1" | 12 bytes nonce | 16 bytes tag | AES-256-GCM of the payload as it came from the control plane (gzip).
-- The key is SHA-256 of the cluster certificate's private key, or of cluster_fallback_config_key.

local cipher = require("resty.openssl.cipher")
local digest = require("resty.openssl.digest")
local rand = require("resty.openssl.rand")
local s3 = require("kong.clustering.s3")

local MAGIC = "KGWF1"
local NONCE, TAG = 12, 16
local AAD = "kgw fallback configuration"

local _M = {}


local function derive(secret)
  return assert(digest.new("sha256")):final("kgw-fallback:" .. secret)
end


-- payload -> encrypted bytes.
function _M.seal(payload, secret)
  local nonce = rand.bytes(NONCE)
  local c = assert(cipher.new("aes-256-gcm"))
  local text, err = c:encrypt(derive(secret), nonce, payload, false, AAD)
  if not text then
    return nil, err
  end
  return MAGIC .. nonce .. assert(c:get_aead_tag(TAG)) .. text
end


-- The reverse; nil, err when it was made with another key or altered.
function _M.open(sealed, secret)
  if type(sealed) ~= "string" or #sealed < #MAGIC + NONCE + TAG or sealed:sub(1, #MAGIC) ~= MAGIC then
    return nil, "not a fallback copy"
  end
  local at = #MAGIC
  local nonce, tag = sealed:sub(at + 1, at + NONCE), sealed:sub(at + NONCE + 1, at + NONCE + TAG)
  local payload = assert(cipher.new("aes-256-gcm")):decrypt(derive(secret), nonce, sealed:sub(at + NONCE + TAG + 1), false, AAD, tag)
  if not payload then
    return nil, "made with another key, or damaged"
  end
  return payload
end


local file = {}


function file.get(path)
  local handle, err = io.open(path, "rb")
  if not handle then
    return nil, err
  end
  local text = handle:read("*a")
  handle:close()
  return text
end


-- Written beside and renamed, so that readers see the old or the new copy.
function file.put(path, text)
  local temp = path .. "." .. ngx.worker.pid()
  local handle, err = io.open(temp, "wb")
  if not handle then
    return nil, err
  end
  local ok
  ok, err = handle:write(text)
  handle:close()
  if ok then
    ok, err = os.rename(temp, path)
  end
  if not ok then
    os.remove(temp)
    return nil, err
  end
  return true
end


-- storage: "file:///path" or a path, or "s3://bucket/key". Returns {get(), put(text)}.
local function storage_of(conf)
  local storage = conf.cluster_fallback_config_storage
  local bucket_path = storage:match("^s3://(.+)$")
  if not bucket_path then
    local path = storage:gsub("^file://", "")
    return { get = function() return file.get(path) end, put = function(text) return file.put(path, text) end }
  end
  local region = os.getenv("AWS_REGION") or os.getenv("AWS_DEFAULT_REGION") or "us-east-1"
  local place, err = s3.locate(bucket_path, os.getenv("AWS_ENDPOINT_URL_S3") or os.getenv("AWS_ENDPOINT_URL"), region)
  if not place then
    return nil, err
  end
  return { get = function() return s3.request(place) end, put = function(text) return s3.request(place, text) end }
end


local function secret_of(conf)
  if conf.cluster_fallback_config_key then
    return conf.cluster_fallback_config_key
  end
  local key = conf.cluster_cert_key
  if key and key:find("-----BEGIN", 1, true) then
    return key
  end
  return file.get(key)
end


-- Stores a copy. true, or nil, err. May yield.
function _M.export(conf, payload)
  local storage, err = storage_of(conf)
  if not storage then
    return nil, err
  end
  local sealed
  sealed, err = _M.seal(payload, secret_of(conf))
  if not sealed then
    return nil, err
  end
  return storage.put(sealed)
end


-- Reads the copy: payload, or nil, err. May yield.
function _M.import(conf)
  local storage, err = storage_of(conf)
  if not storage then
    return nil, err
  end
  local sealed
  sealed, err = storage.get()
  if not sealed then
    return nil, err
  end
  return _M.open(sealed, secret_of(conf))
end


return _M
