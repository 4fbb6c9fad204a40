-- What the runloop knows about a route and its service before any request comes: protocol rules, paths, timeouts,
-- where to proxy to, which plugins. One record per route and configuration version, made on first use.
-- Must never look at request data.
local address = require "kong.router.address"
local proxy = require "ngx.proxy"

local fmt = string.format
local lower = string.lower
local null = ngx.null

local record = {}

local TLS_PROTOCOLS = { https = true, grpcs = true, wss = true, tls = true }
local DEFAULT_PORTS = { http = 80, grpc = 80, ws = 80, https = 443, grpcs = 443, wss = 443 }
local DEFAULT_TIMEOUT_MS = 60000
local DEFAULT_RETRIES = 5


local function value_of(entity, field)
  local value = entity[field]
  if value == null then
    return nil
  end
  return value
end


local function has_protocol(route, name)
  local protocols = route.protocols
  if type(protocols) ~= "table" then
    return false
  end
  for i = 1, #protocols do
    if protocols[i] == name then
      return true
    end
  end
  return false
end


local function add_protocol_rules(self, route)
  local has_https, has_http = has_protocol(route, "https"), has_protocol(route, "http")
  local has_grpc, has_grpcs = has_protocol(route, "grpc"), has_protocol(route, "grpcs")
  self.https_status = has_https and not has_http and (value_of(route, "https_redirect_status_code") or 426) or false
  self.is_grpc = has_grpc or has_grpcs
  self.is_grpcs_only = has_grpcs and not has_grpc
  self.has_rules = self.https_status ~= false or self.is_grpc
end


-- Host field for a name and a port: the port only where it is not the scheme's own.
function record.host_header(name, port, scheme)
  if not port or port == DEFAULT_PORTS[scheme] then
    return name
  end
  return name .. ":" .. fmt("%d", port)
end


-- The name without port, for SNI and verification; IPs are sent as they are.
local function tls_options(self, service)
  self.tls_verify = value_of(service, "tls_verify")
  self.tls_verify_depth = value_of(service, "tls_verify_depth")
  self.ca_certificates = value_of(service, "ca_certificates") or false
  local certificate = value_of(service, "client_certificate")
  self.client_certificate = certificate and certificate.id or false
end


local function add_service(self, service)
  local protocol = value_of(service, "protocol") or "http"
  self.protocol = protocol
  self.scheme = protocol
  self.is_tls = TLS_PROTOCOLS[protocol] == true
  self.host = value_of(service, "host")
  self.port = value_of(service, "port") or 80
  self.base_path = value_of(service, "path") or "/"
  self.retries = value_of(service, "retries") or DEFAULT_RETRIES
  self.connect_ms = value_of(service, "connect_timeout") or DEFAULT_TIMEOUT_MS
  self.send_ms = value_of(service, "write_timeout") or DEFAULT_TIMEOUT_MS
  self.read_ms = value_of(service, "read_timeout") or DEFAULT_TIMEOUT_MS
  tls_options(self, service)

  local name = self.host
  self.host_type = "name"
  if name and address.network(name) then
    self.host_type = name:find(":", 1, true) and "ipv6" or "ipv4"
  end
end


-- What C needs to know of the record (ngx.proxy.new_route).
local function native_fields(self, has_pool)
  local fields = {
    base = self.base_path, strip = self.strip, is_tls = self.is_tls,
    connect_ms = self.connect_ms or DEFAULT_TIMEOUT_MS, send_ms = self.send_ms or DEFAULT_TIMEOUT_MS,
    read_ms = self.read_ms or DEFAULT_TIMEOUT_MS, retries = self.retries or 0,
    request_buffering = self.request_buffering, response_buffering = self.response_buffering,
  }
  if self.is_direct then
    fields.host = not self.preserve_host and self.host_value or nil
    fields.ip, fields.port = self.host, self.port
    fields.pool = has_pool and self.host .. "|" .. fmt("%d", self.port) or nil
  end
  return fields
end


-- opts: has_pool, flavor (of the router), plugins (kong.runloop.plugins_iterator), find_upstream(name) -> upstream entity | nil.
function record.new(route, service, opts)
  local self = {
    route = route,
    service = service or false,
    route_id = route.id,
    service_id = service and service.id or nil,
    strip = value_of(route, "strip_path") ~= false,
    version = opts.flavor == "traditional" and value_of(route, "path_handling") or "v0",
    preserve_host = value_of(route, "preserve_host") == true,
    request_buffering = value_of(route, "request_buffering") ~= false,
    response_buffering = value_of(route, "response_buffering") ~= false,
    workspace = value_of(route, "ws_id") or opts.workspace,
    plan = opts.plugins:plan(route.id, service and service.id, nil),
    base_path = "/",
    scheme = "http",
    is_tls = false,
    upstream = false,
    is_direct = false,
  }
  add_protocol_rules(self, route)
  if service then
    add_service(self, service)
    self.upstream = self.host and opts.find_upstream(lower(self.host)) or false
    -- An address needs neither names nor a balancer: the peer is the same for every request.
    self.is_direct = not self.upstream and self.host_type ~= "name"
    self.host_value = self.host and record.host_header(self.host, self.port, self.scheme)
  end
  self.fields = native_fields(self, opts.has_pool)
  self.native = proxy.new_route(self.fields)
  if not self.native then
    -- No address after all: whatever it is, DNS answers for it.
    self.is_direct = false
    self.fields.ip = nil
    self.native = proxy.new_route(self.fields)
  end
  return self
end


return record
