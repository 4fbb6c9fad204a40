-- Certificates of the plugin's domains: getting, keeping and renewing them.
local Client = require "resty.acme.protocol"
local cjson = require "cjson.safe"
local pkey = require "resty.openssl.pkey"
local reserved_words = require "kong.plugins.acme.reserved_words"
local ssl = require "ngx.ssl"
local storage = require "kong.plugins.acme.storage"
local x509 = require "resty.openssl.x509"

local decode = cjson.decode
local encode = cjson.encode
local ipairs = ipairs
local kong = kong
local match = string.match
local ngx = ngx
local sub = string.sub
local tonumber = tonumber

local client = {}

local RENEW_PREFIX = reserved_words.RENEW_KEY_PREFIX
local CERTKEY_PREFIX = reserved_words.CERTKEY_KEY_PREFIX
local CHALLENGE_SUFFIX = "#http-01"
local DAY_S = 86400
local VALID_DAYS = 90
local LOCK_S, CHALLENGE_S = 60, 3600
-- For how long a worker trusts what it read of the storage.
local KNOWN_S, UNKNOWN_S = 3600, 5

-- By host: { certkey (false when there is none), ends_at }.
local known = {}


local function account_name(conf)
  return "kong_acme:account:" .. conf.api_uri .. ":" .. ngx.encode_base64(conf.account_email)
end


-- The operator's own key, out of kong.db.keys.
local function key_of_operator(wanted)
  local lookup = { kid = wanted.key_id }
  if wanted.key_set then
    local set, err = kong.db.key_sets:select_by_name(wanted.key_set)
    if not set then
      return nil, "could not load keyset: " .. (err or wanted.key_set .. " not found")
    end
    lookup.set = { id = set.id }
  end
  local key, err = kong.db.keys:select_by_cache_key(kong.db.keys:cache_key(lookup))
  if not key then
    return nil, "could not load keys: " .. (err or wanted.key_id .. " not found")
  end
  return kong.db.keys:get_privkey(key)
end


-- The account's key in PEM; made and stored when there is none.
local function account_key(conf, store)
  local text, err = store:get(account_name(conf))
  if err then
    return nil, err
  end
  local account = text and decode(text)
  if account and account.key then
    return account.key
  end
  local pem
  if conf.account_key then
    pem, err = key_of_operator(conf.account_key)
  else
    -- An RSA key would hold this worker for seconds.
    pem = pkey.new({ type = "EC", curve = "prime256v1" }):to_PEM("private")
  end
  if not pem then
    return nil, err
  end
  local ok
  ok, err = store:set(account_name(conf), encode({ key = pem }))
  if not ok then
    return nil, err
  end
  return pem
end


-- The directory's URL; old configurations name the server only.
local function directory_of(conf)
  local url = conf.api_uri
  if match(url, "/directory$") then
    return url
  end
  return match(url, "^(.-)/*$") .. "/directory"
end


local function new_key(conf)
  if conf.cert_type == "rsa" then
    return pkey.new({ type = "RSA", bits = conf.rsa_key_size })
  end
  return pkey.new({ type = "EC", curve = "prime256v1" })
end


-- Orders a certificate and stores it: true | nil, err. pem: the key to keep, or nil.
local function order(conf, store, host, pem)
  local account, err = account_key(conf, store)
  if not account then
    return nil, err
  end
  local key
  if pem then
    key, err = pkey.new(pem)
  else
    key, err = new_key(conf)
  end
  if not key then
    return nil, err
  end
  local acme = Client.new({
    api_uri = directory_of(conf),
    key = pkey.new(account),
    email = conf.account_email,
    eab_kid = conf.eab_kid,
    eab_hmac_key = conf.eab_hmac_key,
    preferred_chain = conf.preferred_chain,
    on_challenge = function(token, answer)
      return store:set(token .. CHALLENGE_SUFFIX, answer, CHALLENGE_S)
    end,
    after_challenge = function(token)
      store:delete(token .. CHALLENGE_SUFFIX)
    end,
  })
  local cert
  cert, err = acme:log_in()
  if cert then
    cert, err = acme:order(host, key)
  end
  if not cert then
    return nil, "could not create certificate for host: " .. host .. " err: " .. err
  end
  return store:set(CERTKEY_PREFIX .. host, encode({ key = key:to_PEM("private"), cert = cert }))
end


-- Gets a new certificate unless another worker or node is about to. True when it did | false, err (nil when others do).
function client.update_certificate(conf, host, pem)
  local store, err = storage.of(conf)
  if not store then
    return false, "can't create storage adapter: " .. err
  end
  local backoff_key = "kong_acme:fail_backoff:" .. host
  local ends_at = tonumber((store:get(backoff_key)))
  if ends_at then
    return false, "please try again in " .. ends_at - ngx.time() .. " seconds for host " .. host
                  .. " because of previous failure; this is configurable with config.fail_backoff_minutes"
  end
  local lock_key = "kong_acme:update_lock:" .. host
  if not store:add(lock_key, "placeholder", LOCK_S) then
    kong.log.info("update_certificate for ", host, " is already running")
    return false
  end
  local ok
  ok, err = order(conf, store, host, pem)
  if not ok then
    local pause_s = conf.fail_backoff_minutes * 60
    store:set(backoff_key, tostring(ngx.time() + pause_s), pause_s)
  end
  store:delete(lock_key)
  known[host] = nil
  return ok or false, err
end


-- Remembers that a host's certificate has to be renewed: true | nil, err.
function client.store_renew_config(conf, host)
  local store, err = storage.of(conf)
  if not store then
    return nil, err
  end
  return store:set(RENEW_PREFIX .. host, encode({ host = host, expire_at = ngx.time() + DAY_S * VALID_DAYS }))
end


-- { key, cert } in PEM, nil when there is none | nil, err.
function client.load_certkey(conf, host)
  local store, err = storage.of(conf)
  if not store then
    return nil, err
  end
  local text
  text, err = store:get(CERTKEY_PREFIX .. host)
  return text and decode(text), err
end


-- The same in DER, from this worker's memory if it is there.
function client.load_certkey_cached(conf, host)
  local entry = known[host]
  if entry and entry.ends_at > ngx.time() then
    return entry.certkey or nil
  end
  local found, err = client.load_certkey(conf, host)
  if err then
    return nil, err
  end
  local certkey = found and {
    cert = ssl.cert_pem_to_der(found.cert),
    key = ssl.priv_key_pem_to_der(found.key),
  } or false
  known[host] = { certkey = certkey, ends_at = ngx.time() + (certkey and KNOWN_S or UNKNOWN_S) }
  return certkey or nil
end


-- Names of all hosts that have certificates to renew.
function client.load_renew_hosts(conf)
  local store, err = storage.of(conf)
  if not store then
    return nil, err
  end
  local keys
  keys, err = store:list(RENEW_PREFIX)
  for i = 1, keys and #keys or 0 do
    keys[i] = sub(keys[i], #RENEW_PREFIX + 1)
  end
  return keys, err
end


local function is_due(certkey, threshold_s)
  local cert = x509.new(certkey.cert)
  return not cert or cert:get_not_after() - threshold_s <= ngx.time()
end


local function renew_one(conf, store, host)
  local threshold_s = DAY_S * conf.renew_threshold_days
  local text = store:get(RENEW_PREFIX .. host)
  local entry = text and decode(text)
  if not entry or entry.expire_at - threshold_s > ngx.time() then
    return
  end
  local certkey, err = client.load_certkey(conf, host)
  if err then
    return kong.log.err("error loading existing certkey for host: ", host, ": ", err)
  end
  if not certkey then
    kong.log.warn("deleting renewal config for host: ", host)
    return store:delete(RENEW_PREFIX .. host)
  end
  if not is_due(certkey, threshold_s) then
    return
  end
  local ok
  ok, err = client.update_certificate(conf, host, certkey.key)
  if ok then
    client.store_renew_config(conf, host)
  elseif err then
    kong.log.err("failed to renew certificate: ", err)
  end
end


-- Renews what is about to end.
function client.renew_certificate(conf)
  local store, err = storage.of(conf)
  if not store then
    return kong.log.err("can't create storage adapter: ", err)
  end
  local hosts
  hosts, err = client.load_renew_hosts(conf)
  if not hosts then
    return kong.log.err("can't list renew hosts: ", err)
  end
  store:set(reserved_words.RENEW_LAST_RUN_KEY, ngx.localtime())
  for _, host in ipairs(hosts) do
    renew_one(conf, store, host)
  end
end


-- What a server that checks a challenge is to be told, or nil.
function client.challenge_answer(conf, token)
  local store, err = storage.of(conf)
  if not store then
    kong.log.err(err)
    return nil
  end
  return (store:get(token .. CHALLENGE_SUFFIX))
end


return client
