-- require "resty.http": an HTTP/1.1 client over cosockets with the interface of lua-resty-http 0.17.
-- One object is one connection at a time: connect, request, read the body, set_keepalive or close; request_uri does it all.
local connect_options = require "resty.http_connect"
local http_body = require "resty.http_body"
local http_headers = require "resty.http_headers"

local concat = table.concat
local find = string.find
local lower = string.lower
local re_match = ngx.re.match
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber
local tostring = tostring
local type = type
local upper = string.upper
local ngx_socket_tcp = ngx.socket.tcp

local URI = [=[^(?:(https?):)?//(\[[^\]]*\]|[^\s/:?#\[\]]+)(?::(\d+))?([^?]*)(?:\?(.*))?$]=]
local CHUNK = 65536
local BODY_METHODS = { POST = true, PUT = true, PATCH = true }

-- Phases in which a URI without a scheme gets the request's.
local OF_REQUEST = { rewrite = true, access = true, content = true, header_filter = true, body_filter = true, log = true, balancer = true }

local Http = { _VERSION = "0.17.2" }
Http._USER_AGENT = "lua-resty-http/" .. Http._VERSION .. " (Lua) ngx_lua/" .. ngx.config.ngx_lua_version
local mt = { __index = Http }


function Http.new()
  local sock, err = ngx_socket_tcp()
  if not sock then
    return nil, err
  end
  return setmetatable({ sock = sock, keepalive = true }, mt)
end


function Http.debug() end


--- Milliseconds for everything.
function Http.set_timeout(self, ms)
  if not self.sock then
    return nil, "not initialized"
  end
  return self.sock:settimeout(ms)
end


function Http.set_timeouts(self, connect_ms, send_ms, read_ms)
  if not self.sock then
    return nil, "not initialized"
  end
  return self.sock:settimeouts(connect_ms, send_ms, read_ms)
end


function Http.set_proxy_options(self, options)
  self.proxy_opts = options
end


-- The old form: connect(host, port, opts) or connect("unix:/path", opts). 1, or nil, err.
function Http.tcp_only_connect(self, ...)
  if not self.sock then
    return nil, "not initialized"
  end
  self.host, self.port = ...
  self.is_unix = sub(self.host, 1, 5) == "unix:"
  self.port = not self.is_unix and self.port or nil
  self.keepalive, self.ssl, self.scheme, self.path_prefix = true, false, nil, nil
  return self.sock:connect(...)
end


--- true (or 1 in the old form), or nil, err. options: scheme host port pool pool_size backlog proxy_opts ssl_verify
--- ssl_server_name ssl_reused_session ssl_client_cert ssl_client_priv_key.
function Http.connect(self, options, ...)
  if type(options) == "table" then
    return connect_options(self, options)
  end
  return Http.tcp_only_connect(self, options, ...)
end


function Http.ssl_handshake(self, ...)
  if not self.sock then
    return nil, "not initialized"
  end
  self.ssl = true
  return self.sock:sslhandshake(...)
end


--- 1, or nil, err; 2, err when the answer asked for the connection to be closed.
function Http.set_keepalive(self, ...)
  if not self.sock then
    return nil, "not initialized"
  end
  if self.keepalive then
    return self.sock:setkeepalive(...)
  end
  local ok, err = self.sock:close()
  if ok then
    return 2, "connection must be closed"
  end
  return ok, err
end


function Http.get_reused_times(self)
  if not self.sock then
    return nil, "not initialized"
  end
  return self.sock:getreusedtimes()
end


function Http.close(self)
  if not self.sock then
    return nil, "not initialized"
  end
  return self.sock:close()
end


--- { [0] whole, scheme, host, port, path, query }; query_in_path (default true): path with its query. nil, err.
function Http.parse_uri(_, uri, query_in_path)
  local m, err = re_match(uri, URI, "josi")
  if not m then
    if err then
      return nil, "failed to match the uri: " .. tostring(uri) .. ", " .. err
    end
    return nil, "bad uri: " .. tostring(uri)
  end
  m[1] = m[1] and lower(m[1]) or OF_REQUEST[ngx.get_phase()] and ngx.var.scheme or "http"
  m[3] = m[3] and tonumber(m[3]) or (m[1] == "https" and 443 or 80)
  m[4] = m[4] ~= "" and m[4] or "/"
  if sub(m[4], 1, 1) ~= "/" then
    m[4] = "/" .. m[4]
  end
  m[5] = m[5] or ""
  if query_in_path ~= false and m[5] ~= "" then
    m[4], m[5] = m[4] .. "?" .. m[5], nil
  end
  return m, nil
end


-- Requests ---------------------------------------------------------------------------------------------

local function host_header(self)
  if self.is_unix then
    return "localhost"
  elseif not self.host then
    return nil
  end
  local is_default = self.port == nil or (self.ssl and self.port == 443) or (not self.ssl and self.port == 80)
  local host = self.host
  if find(host, ":", 1, true) and sub(host, 1, 1) ~= "[" then
    host = "[" .. host .. "]"
  end
  return is_default and host or host .. ":" .. self.port
end


local function length_of(body)
  if type(body) == "string" then
    return #body
  end
  local n = 0
  for i = 1, #body do
    n = n + #tostring(body[i])
  end
  return n
end


-- Adds the fields that the request needs. true, or nil, err.
local function complete_headers(self, params, headers)
  local body, has_encoding = params.body, headers["Transfer-Encoding"]
  if has_encoding and headers["Content-Length"] then
    headers["Content-Length"] = nil
  end
  if not headers["Content-Length"] and not has_encoding then
    if type(body) == "string" or type(body) == "table" then
      headers["Content-Length"] = length_of(body)
    elseif body == nil and BODY_METHODS[upper(params.method)] then
      headers["Content-Length"] = 0
    elseif type(body) == "function" then
      return nil, "Request body is a function but a length or chunked encoding is not specified"
    end
  end
  headers["Host"] = headers["Host"] or host_header(self)
  headers["User-Agent"] = headers["User-Agent"] or Http._USER_AGENT
  if params.version == 1.0 and not headers["Connection"] then
    headers["Connection"] = "Keep-Alive"
  end
  if self.http_proxy_auth and not headers["Proxy-Authorization"] then
    headers["Proxy-Authorization"] = self.http_proxy_auth
  end
  return true
end


local function request_path(self, params)
  local path = params.path or "/"
  if sub(path, 1, 1) ~= "/" then
    path = "/" .. path
  end
  local query = params.query
  if type(query) == "table" then
    query = ngx.encode_args(query)
  end
  if query and query ~= "" then
    path = path .. (sub(query, 1, 1) == "?" and "" or "?") .. query
  end
  return (self.path_prefix or "") .. path
end


local function format_request(self, params, headers)
  local out = { upper(params.method), " ", request_path(self, params), params.version == 1.0 and " HTTP/1.0\r\n" or " HTTP/1.1\r\n" }
  local n = 4
  for name, value in pairs(headers) do
    local list = type(value) == "table" and value or { value }
    for i = 1, #list do
      out[n + 1], out[n + 2], out[n + 3], out[n + 4] = name, ": ", tostring(list[i]), "\r\n"
      n = n + 4
    end
  end
  out[n + 1] = "\r\n"
  return concat(out)
end


local function send_body(sock, body)
  if type(body) ~= "function" then
    if body ~= nil then
      return sock:send(body)
    end
    return true
  end
  while true do
    local chunk, err = body()
    if chunk then
      local ok, send_err = sock:send(chunk)
      if not ok then
        return nil, send_err
      end
    elseif err then
      return nil, err
    else
      return true
    end
  end
end


-- The body goes out together with the head when it is short.
local function send_all(sock, head, params, waits)
  local body = params.body
  if type(body) == "string" and not waits and #body <= CHUNK then
    return sock:send(head .. body)
  end
  local ok, err = sock:send(head)
  if ok and not waits then
    ok, err = send_body(sock, body)
  end
  return ok, err
end


--- Sends a request: true, or nil, err. params: version method path query headers body.
function Http.send_request(self, given)
  if not self.sock then
    return nil, "not initialized"
  end
  local params = setmetatable({}, { __index = given })
  params.version = given.version or 1.1
  params.method = given.method or "GET"
  local headers = http_headers.copy(given.headers)
  local ok, err = complete_headers(self, params, headers)
  if not ok then
    return nil, err
  end
  given.headers = headers
  local expect = headers["Expect"]
  ok, err = send_all(self.sock, format_request(self, params, headers), params, type(expect) == "string" and lower(expect) == "100-continue")
  if not ok then
    return nil, err
  end
  return true
end


-- Answers ----------------------------------------------------------------------------------------------

-- status, version, reason; or nil, err.
local function read_status(sock)
  local line, err = sock:receive("*l")
  if not line then
    return nil, err
  end
  local status, version = tonumber(sub(line, 10, 12)), tonumber(sub(line, 6, 8))
  if not status then
    return nil, "couldn't parse HTTP status code from response: " .. line
  elseif not version then
    return nil, "couldn't parse HTTP version from response line: " .. line
  end
  return status, version, sub(line, 14)
end


local function read_headers(sock)
  local headers = http_headers.new()
  while true do
    local line, err = sock:receive("*l")
    if not line then
      return nil, err
    elseif line == "" then
      return headers
    end
    local name, value = line:match("^([^:%s]+)%s*:%s*(.-)%s*$")
    if name then
      http_headers.add(headers, name, value)
    end
  end
end


-- Status and headers of the final answer; interim ones are skipped, 100 lets a waiting body go.
local function read_head(sock, params)
  local waiting = params.headers and params.headers["Expect"]
  while true do
    local status, version, reason = read_status(sock)
    if not status then
      return nil, version
    end
    local headers, err = read_headers(sock)
    if not headers then
      return nil, err
    end
    if status == 100 and waiting then
      waiting = nil
      local ok
      ok, err = send_body(sock, params.body)
      if not ok then
        return nil, err
      end
    elseif status ~= 100 and status ~= 102 and status ~= 103 then
      return status, version, reason, headers
    end
  end
end


local function may_keep(version, headers)
  local connection = headers["Connection"]
  connection = type(connection) == "table" and concat(connection, ",") or connection
  if connection then
    connection = lower(connection)
    if version == 1.0 then
      return find(connection, "keep-alive", 1, true) ~= nil
    end
    return not find(connection, "close", 1, true)
  end
  return version ~= 1.0
end


local function read_trailers(res)
  local sock = res._sock
  while true do
    local line, err = sock:receive("*l")
    if not line then
      return nil, err
    elseif line == "" then
      return res
    end
    local name, value = line:match("^([^:%s]+)%s*:%s*(.-)%s*$")
    if name then
      res.headers[name] = value
    end
  end
end


--- The answer to a request that was sent: { status, reason, headers, has_body, body_reader, read_body, read_trailers }; nil, err.
function Http.read_response(self, params)
  local sock = self.sock
  if not sock then
    return nil, "not initialized"
  end
  local status, version, reason, headers = read_head(sock, params)
  if not status then
    return nil, version
  end
  self.keepalive = may_keep(version, headers)
  local has_body = upper(params.method or "GET") ~= "HEAD" and status >= 200 and status ~= 204 and status ~= 304
  local reader
  if has_body then
    local encoding = headers["Transfer-Encoding"]
    if type(encoding) == "string" and find(lower(encoding), "chunked", 1, true) and version == 1.1 then
      reader = http_body.chunked(sock, CHUNK, headers["Trailer"] ~= nil)
    else
      local length = headers["Content-Length"]
      length = tonumber(type(length) == "table" and length[1] or length)
      if not length then
        self.keepalive = false
      end
      reader = http_body.of_length(sock, length, CHUNK)
    end
  else
    reader = http_body.none
  end
  return {
    _sock = sock,
    status = status,
    reason = reason,
    headers = headers,
    has_body = has_body,
    body_reader = reader,
    read_body = http_body.read_all,
    read_trailers = headers["Trailer"] and read_trailers or nil,
  }
end


--- send_request and read_response.
function Http.request(self, params)
  params = setmetatable({}, { __index = params })
  local ok, err = self:send_request(params)
  if not ok then
    return nil, err
  end
  return self:read_response(params)
end


--- Sends all requests, then gives answers whose heads are read when they are looked at, in their order.
function Http.request_pipeline(self, requests)
  for i, params in ipairs(requests) do
    if params.headers and params.headers["Expect"] == "100-continue" then
      return nil, "Cannot pipeline request specifying Expect: 100-continue"
    end
    local ok, err = self:send_request(params)
    if not ok then
      return nil, err
    end
    requests[i] = params
  end
  local answers = {}
  for i, params in ipairs(requests) do
    answers[i] = setmetatable({ params = params, response_read = false }, {
      __index = function(t, key)
        if t.response_read then
          return nil
        end
        t.response_read = true
        local res, err = self:read_response(t.params)
        if not res then
          t.err = err
          ngx.log(ngx.ERR, "could not read a pipelined response: ", err)
          return nil
        end
        for field, value in pairs(res) do
          t[field] = value
        end
        return rawget(t, key)
      end,
    })
  end
  return answers
end


local function connect_params(uri, params)
  local options = {}
  for key, value in pairs(params) do
    options[key] = value
  end
  options.scheme, options.host, options.port = uri[1], uri[2], uri[3]
  options.path = params.path or uri[4]
  options.query = params.query or uri[5]
  return options
end


--- A whole exchange: the answer with its body in `body`; nil, err. params: those of request and connect, keepalive (true),
--- keepalive_timeout, keepalive_pool.
function Http.request_uri(self, uri, params)
  if not self.sock then
    return nil, "not initialized"
  end
  local parsed, err = self:parse_uri(uri, false)
  if not parsed then
    return nil, err
  end
  params = connect_params(parsed, params or {})
  local ok
  ok, err = self:connect(params)
  if not ok then
    return nil, err
  end
  local res
  res, err = self:request(params)
  if not res then
    self:close()
    return nil, err
  end
  local body
  body, err = res:read_body()
  if not body then
    self:close()
    return nil, err
  end
  res.body = body
  if params.keepalive == false then
    ok, err = self:close()
  else
    ok, err = self:set_keepalive(params.keepalive_timeout, params.keepalive_pool)
  end
  if not ok then
    ngx.log(ngx.ERR, err)
  end
  return res, nil
end


require("resty.http_relay").install(Http)


return Http
