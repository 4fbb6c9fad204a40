-- resty.http's connect(options): pools by everything that makes a connection different, TLS, proxies.
local md5 = ngx.md5
local encode_base64 = ngx.encode_base64
local lower = string.lower
local sub = string.sub
local tonumber = tonumber
local tostring = tostring
local type = type

local DEFAULT_PORTS = { http = 80, https = 443 }


-- Whether no_proxy excludes the host: "*", a name, or a domain and its subdomains.
local function is_excluded(host, no_proxy)
  if not no_proxy then
    return false
  elseif no_proxy == "*" then
    return true
  end
  host = lower(host)
  for item in no_proxy:gmatch("[^,%s]+") do
    item = lower(item):gsub("^%*", "")
    local domain = sub(item, 1, 1) == "." and item or "." .. item
    if host == item or sub(host, -#domain) == domain then
      return true
    end
  end
  return false
end


-- The proxy to use: its parsed URI and the value of Proxy-Authorization, or nil.
local function choose_proxy(self, options)
  local proxies = options.proxy_opts or self.proxy_opts
  if not proxies or is_excluded(options.host, proxies.no_proxy) then
    return nil
  end
  local uri = options.scheme == "https" and proxies.https_proxy or options.scheme == "http" and proxies.http_proxy
  if not uri then
    return nil
  end
  local authorization = options.scheme == "https" and proxies.https_proxy_authorization or proxies.http_proxy_authorization
  local user, rest = uri:match("^(%a+://[^/@]*)@(.*)$")
  if user then
    local scheme, who = user:match("^(%a+://)(.*)$")
    uri = scheme .. rest
    authorization = authorization or "Basic " .. encode_base64(ngx.unescape_uri(who))
  end
  local parsed, err = self:parse_uri(uri, false)
  if not parsed then
    return nil, nil, err
  end
  return { scheme = parsed[1], host = parsed[2], port = parsed[3] }, authorization
end


local function pool_name(options, proxy, authorization)
  if options.pool then
    return options.pool
  end
  local name = { options.scheme or "http", options.host, tostring(options.port or "") }
  if options.scheme == "https" then
    name[#name + 1] = tostring(options.ssl_verify ~= false)
    name[#name + 1] = options.ssl_server_name or ""
    name[#name + 1] = options.ssl_client_cert and tostring(options.ssl_client_cert) or ""
  end
  if proxy then
    name[#name + 1] = proxy.scheme .. "://" .. proxy.host .. ":" .. proxy.port
    name[#name + 1] = authorization and md5(authorization) or ""
  end
  return table.concat(name, ":")
end


-- CONNECT through a proxy. true, or nil, err.
local function open_tunnel(sock, options, authorization)
  local target = options.host .. ":" .. options.port
  local _, err = sock:send {
    "CONNECT ", target, " HTTP/1.1\r\nHost: ", target, "\r\n",
    authorization and "Proxy-Authorization: " .. authorization .. "\r\n" or "", "\r\n",
  }
  local line
  if not err then
    line, err = sock:receive()
  end
  if not line then
    return nil, "failed to make CONNECT request to proxy: " .. err
  end
  local status = tonumber(line:match("^HTTP/1%.%d (%d%d%d)"))
  repeat
    line, err = sock:receive()
  until not line or line == ""
  if not line then
    return nil, "failed to receive response headers from proxy: " .. err
  elseif status ~= 200 then
    return nil, "failed to connect through proxy: status " .. tostring(status)
  end
  return true
end


-- session (or true), or nil, err.
local function handshake(sock, options)
  if options.ssl_client_cert then
    local ok, err = sock:setclientcert(options.ssl_client_cert, options.ssl_client_priv_key)
    if not ok then
      return nil, "could not set client certificate: " .. err
    end
  end
  local name = options.ssl_server_name or options.host
  local verify = options.ssl_verify ~= false
  return sock:sslhandshake(options.ssl_reused_session, name, verify, options.ssl_send_status_req)
end


local function complete(options)
  local out = {}
  for key, value in pairs(options) do
    out[key] = value
  end
  out.scheme = options.scheme and lower(options.scheme)
  if out.scheme and not DEFAULT_PORTS[out.scheme] then
    return nil, "invalid scheme: " .. out.scheme
  end
  out.port = tonumber(options.port) or DEFAULT_PORTS[out.scheme or ""]
  return out
end


-- Opens the bytes' way to the target. true, or nil, err.
local function dial(self, options, proxy, authorization)
  local sock = self.sock
  local opts = { pool = pool_name(options, proxy, authorization), pool_size = options.pool_size, backlog = options.backlog }
  if proxy then
    return sock:connect(proxy.host, proxy.port, opts)
  elseif sub(options.host, 1, 5) == "unix:" then
    return sock:connect(options.host, opts)
  end
  return sock:connect(options.host, options.port, opts)
end


local function fail(self, err)
  self.sock:close()
  return nil, err
end


--- true, nil, TLS session; or nil, err. (Five more nils follow, as the gateway's own wrapper has them.)
local function connect(self, given)
  local sock = self.sock
  if not sock then
    return nil, "not initialized"
  elseif type(given) ~= "table" or type(given.host) ~= "string" then
    return nil, "no host given"
  end
  local options, err = complete(given)
  if not options then
    return nil, err
  end
  local proxy, authorization
  proxy, authorization, err = choose_proxy(self, options)
  if err then
    return nil, err
  end
  local ok
  ok, err = dial(self, options, proxy, authorization)
  if not ok then
    return nil, err
  end
  local session
  if options.scheme == "https" and sock:getreusedtimes() == 0 then
    if proxy then
      ok, err = open_tunnel(sock, options, authorization)
      if not ok then
        return fail(self, err)
      end
    end
    session, err = handshake(sock, options)
    if not session then
      return fail(self, err)
    end
  end
  self.host, self.port, self.scheme = options.host, options.port, options.scheme
  self.ssl, self.keepalive = options.scheme == "https", true
  self.is_unix = sub(options.host, 1, 5) == "unix:"
  self.path_prefix, self.http_proxy_auth = nil, nil
  if proxy and options.scheme ~= "https" then
    self.path_prefix = "http://" .. options.host .. (options.port == 80 and "" or ":" .. options.port)
    self.http_proxy_auth = authorization
  end
  return true, nil, session, nil, nil, nil, nil, nil
end


return connect
