-- resty.healthcheck.probe: one active check of one target: a connection, for http and https a request, and the report.
local concat = table.concat
local ipairs = ipairs
local match = string.match
local ngx = ngx
local pairs = pairs
local tonumber = tonumber
local tostring = tostring
local type = type

local probe = {}


-- Lines of a list as they are, or of names with one or more values.
local function add_headers(lines, headers)
  if headers[1] then
    for _, line in ipairs(headers) do
      lines[#lines + 1] = line ~= "" and line or nil
    end
    return
  end
  for name, values in pairs(headers) do
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      lines[#lines + 1] = name .. ": " .. tostring(value)
    end
  end
end


-- HTTP/1.0, so that the connection ends with the answer.
local function request_of(active, target)
  local lines = { "GET " .. active.http_path .. " HTTP/1.0" }
  add_headers(lines, active.headers or {})
  lines[#lines + 1] = "Host: " .. (target.hostheader or target.hostname)
  return concat(lines, "\r\n") .. "\r\n\r\n"
end


local function fail(checker, target, err, operation)
  if err == "timeout" then
    return checker:report_timeout(target.ip, target.port, target.hostname, "active")
  end
  return checker:report_tcp_failure(target.ip, target.port, target.hostname, operation, "active")
end


local function shake_hands(checker, sock, target)
  local active = checker.checks.active
  if checker.ssl_cert and checker.ssl_key then
    local ok, err = sock:setclientcert(checker.ssl_cert, checker.ssl_key)
    if not ok then
      checker:log(ngx.ERR, "failed to set client certificate: ", err)
    end
  end
  local name = active.https_sni or target.hostheader or target.hostname
  local session, err = sock:sslhandshake(nil, name, active.https_verify_certificate)
  if not session then
    checker:log(ngx.ERR, "failed SSL handshake with '", target.hostname, " (", target.ip, ":", target.port,
                ")', using server name (sni) '", name, "': ", err)
    return nil, err
  end
  return true
end


-- The status, 0 for what is no answer; nil, err, operation.
local function ask(checker, sock, target)
  local bytes, err = sock:send(request_of(checker.checks.active, target))
  if not bytes then
    return nil, err, "send"
  end
  local line
  line, err = sock:receive()
  if not line then
    return nil, err, "receive"
  end
  return tonumber(match(line, "^HTTP/%d+%.%d+%s+(%d+)")) or 0
end


-- target: {ip, port, hostname, hostheader}. Waits for at most the check's timeout at each step.
function probe.run(checker, target)
  local active = checker.checks.active
  local sock = ngx.socket.tcp()
  sock:settimeout(active.timeout * 1000)
  local ok, err = sock:connect(target.ip, target.port)
  if not ok then
    return fail(checker, target, err, "connect")
  end
  if active.type == "tcp" then
    sock:close()
    return checker:report_success(target.ip, target.port, target.hostname, "active")
  end
  if active.type == "https" and not shake_hands(checker, sock, target) then
    sock:close()
    return fail(checker, target, nil, "connect")
  end
  local status, operation
  status, err, operation = ask(checker, sock, target)
  sock:close()
  if not status then
    checker:log(ngx.ERR, "failed to ", operation, operation == "send" and " http request to '" or " status line from '", target.hostname,
                " (", target.ip, ":", target.port, ")': ", err)
    return fail(checker, target, err, operation)
  end
  return checker:report_http_status(target.ip, target.port, target.hostname, status, "active")
end


return probe
