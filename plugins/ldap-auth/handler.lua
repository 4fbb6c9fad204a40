-- Lets a request in with a name and a password that an LDAP directory accepts.
local auth = require "kong.tools.auth"
local digest = require "resty.openssl.digest"
local ldap = require "kong.plugins.ldap-auth.ldap"
local meta = require "kong.meta"
local to_hex = require("resty.string").to_hex

local kong = kong
local ngx = ngx
local fmt = string.format


local LdapAuth = {
  PRIORITY = 1200,
  VERSION = meta.version,
}


-- username, password from the header's value, or nothing.
local function parse(value, conf)
  local scheme, encoded = value:match("^%s*(%S+)%s+(.*)$")
  if not scheme or scheme:lower() ~= conf.header_type:lower() then
    kong.log.info("header_type: ", conf.header_type, " not found in authorization header value")
    return
  end
  local decoded = ngx.decode_base64(encoded)
  local username, password
  if decoded then
    username, password = decoded:match("^(.-):(.+)$")
  end
  if not username then
    kong.log.err("no valid credentials found in authorization header value")
  end
  return username, password
end


local function secure(sock, conf)
  if conf.start_tls then
    local reused, err = sock:getreusedtimes()
    if not reused then
      return nil, err
    end
    if reused == 0 then
      local ok
      ok, err = ldap.start_tls(sock)
      if not ok then
        return nil, err
      end
    end
  end
  if conf.start_tls or conf.ldaps then
    local _, err = sock:sslhandshake(true, conf.ldap_host, conf.verify_ldap_host)
    if err then
      return false, fmt("failed to do SSL handshake with %s:%s: %s", conf.ldap_host, conf.ldap_port, err)
    end
  end
  return true
end


-- true, false (refused) or nil (nobody to ask), and an error.
local function ask_directory(username, password, conf)
  local sock = ngx.socket.tcp()
  sock:settimeout(conf.timeout)
  -- Connections that became secure must not be mistaken for plain ones.
  local opts = conf.start_tls and { pool = conf.ldap_host .. ":" .. conf.ldap_port .. ":starttls" } or nil
  local ok, err = sock:connect(conf.ldap_host, conf.ldap_port, opts)
  if not ok then
    kong.log.err("failed to connect to ", conf.ldap_host, ":", conf.ldap_port, ": ", err)
    return nil, err
  end
  ok, err = secure(sock, conf)
  if not ok then
    return ok, err
  end
  local is_accepted
  is_accepted, err = ldap.bind_request(sock, conf.attribute .. "=" .. username .. "," .. conf.base_dn, password)
  if is_accepted == nil then
    sock:close()
    return nil, err
  end
  local kept, keep_err = sock:setkeepalive(conf.keepalive)
  if not kept then
    kong.log.err("failed to keepalive to ", conf.ldap_host, ":", conf.ldap_port, ": ", keep_err)
  end
  return is_accepted, err
end


local function cache_key(conf, username, password)
  local text = fmt("%s:%u:%s:%s:%u:%s:%s", conf.ldap_host:lower(), conf.ldap_port, conf.base_dn, conf.attribute,
                   conf.cache_ttl, username, password)
  return "ldap_auth_cache:" .. to_hex(digest.new("sha256"):final(text))
end


-- For the cache: a credential, or false for a refusal; nil without an answer, which is not worth keeping.
local function load_credential(key, username, password, conf)
  local is_accepted, err = ask_directory(username, password, conf)
  if err then
    kong.log.err(err)
  end
  if is_accepted == nil then
    return nil, err or "no answer"
  end
  return is_accepted and { id = key, username = username }
end


local function check(value, conf)
  local username, password = parse(value, conf)
  if not username then
    return nil
  end
  local key = cache_key(conf, username, password)
  local credential, err = kong.cache:get(key, { ttl = conf.cache_ttl, neg_ttl = conf.cache_ttl }, load_credential, key,
                                         username, password, conf)
  if err then
    return error(err)
  end
  return credential or nil
end


local function challenge(conf)
  local scheme = conf.header_type == "ldap" and "LDAP" or conf.header_type
  return conf.realm and fmt('%s realm="%s"', scheme, conf.realm) or scheme
end


local function authenticate(conf)
  local proxy_value = kong.request.get_header("proxy-authorization")
  local value = kong.request.get_header("authorization")
  local credential = proxy_value and check(proxy_value, conf) or value and check(value, conf)
  if not credential then
    return auth.unauthorized("Unauthorized", challenge(conf))
  end
  if conf.hide_credentials then
    kong.service.request.clear_header("authorization")
    kong.service.request.clear_header("proxy-authorization")
  end
  auth.set_consumer(nil, credential, credential.username)
  return true
end


function LdapAuth:access(conf)
  return auth.run(conf, authenticate)
end


return LdapAuth
