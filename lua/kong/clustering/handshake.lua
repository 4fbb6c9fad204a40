-- A data plane's request on the cluster listener up to the websocket: path, arguments, client certificate, upgrade. Refusals look as Kong's do.

local http_time = ngx.http_time
local sha1_bin = ngx.sha1_bin
local encode_base64 = ngx.encode_base64

local ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
local VERIFIED = "SUCCESS"

local handshake = {}


local function refuse(status, title, text)
  ngx.status = status
  ngx.header["Content-Type"] = "text/html; charset=UTF-8"
  local heading = status .. " " .. title
  local detail = text and "<center>" .. text .. "</center>\r\n" or ""
  local body = "<html>\r\n<head><title>" .. (text and status .. " " .. text or heading) .. "</title></head>\r\n<body>\r\n<center><h1>" .. heading
            .. "</h1></center>\r\n" .. detail .. "</body>\r\n</html>\r\n"
  ngx.header["Content-Length"] = #body
  if status == 400 then
    ngx.header["Connection"] = "close"
  end
  ngx.print(body)
  ngx.exit(status)
end


local function drop(reason)
  ngx.log(ngx.ERR, "[clustering] ", reason)
  ngx.exit(444)
end


local own_digest

-- SHA-256 of a PEM certificate's DER.
local function digest_of(pem)
  local x509 = require("resty.openssl.x509")
  local cert = x509.new(pem)
  return cert and cert:digest("sha256")
end


local function is_shared_certificate(conf, pem)
  if not own_digest then
    local own = conf.cluster_cert
    if not own:find("-----BEGIN", 1, true) then
      own = require("kgw.posix").read_file(own)
    end
    own_digest = digest_of(own)
  end
  return digest_of(pem) == own_digest
end


-- true, or the request is dropped.
local function check_revocation(conf, pem)
  local is_good, err = require("kong.clustering.revocation").check(conf, require("ngx.ssl").client_chain() or pem)
  if is_good then
    return true
  elseif is_good == false then
    return drop("data plane client certificate was revoked: " .. err)
  elseif conf.cluster_ocsp == "on" then
    return drop("data plane client certificate revocation check failed: " .. err)
  end
  ngx.log(ngx.WARN, "[clustering] data plane client certificate revocation check failed: ", err)
  return true
end


-- true, or the request is answered.
local function check_certificate(conf)
  local pem = ngx.var.ssl_client_raw_cert
  if conf.cluster_mtls == "shared" then
    if not pem or pem == "" then
      return drop("data plane failed to present client certificate during handshake")
    elseif not is_shared_certificate(conf, pem) then
      return drop("data plane presented incorrect client certificate during handshake (digest does not match the control plane certificate)")
    end
    return true
  end
  if not pem or pem == "" then
    return refuse(400, "Bad Request", "No required SSL certificate was sent")
  elseif ngx.var.ssl_client_verify ~= VERIFIED then
    return refuse(400, "Bad Request", "The SSL certificate error")
  end
  return conf.cluster_ocsp == "off" or check_revocation(conf, pem)
end


local function expiry_of(pem)
  local cert = require("resty.openssl.x509").new(pem)
  return cert and cert:get_not_after()
end


-- {sock, node_id, hostname, version, ip, expiry}, or nil when the request was refused.
function handshake.accept(conf)
  if ngx.var.uri ~= "/v1/outlet" then
    return refuse(404, "Not Found")
  end
  if not check_certificate(conf) then
    return nil
  end
  local args = ngx.req.get_uri_args()
  if type(args.node_id) ~= "string" or type(args.node_version) ~= "string" then
    return refuse(400, "Bad Request")
  end
  local headers = ngx.req.get_headers()
  local key = headers["sec-websocket-key"]
  if not headers.upgrade or headers.upgrade:lower() ~= "websocket" or type(key) ~= "string" or headers["sec-websocket-version"] ~= "13" then
    return drop("not a websocket request on the cluster listener")
  end
  local ip, expiry = ngx.var.remote_addr, expiry_of(ngx.var.ssl_client_raw_cert)
  local sock, err = ngx.req.socket(true)
  if not sock then
    return drop("cannot take the connection of a data plane: " .. tostring(err))
  end
  sock:send("HTTP/1.1 101 Switching Protocols\r\nDate: " .. http_time(ngx.time()) .. "\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
         .. encode_base64(sha1_bin(key .. ACCEPT_GUID)) .. "\r\n\r\n")
  return { sock = sock, node_id = args.node_id, hostname = args.node_hostname, version = args.node_version, ip = ip, expiry = expiry }
end


return handshake
