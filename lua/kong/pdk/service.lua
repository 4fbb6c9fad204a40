-- kong.service: where the request goes: target, retries, timeouts, TLS. Values land in ngx.ctx.balancer_data, which
-- kong.runloop.upstream reads when it chooses the peer.
local phases = require "kong.pdk.private.phases"

local check_phase = phases.check
local error = error
local floor = math.floor
local fmt = string.format
local ngx = ngx
local type = type

local PHASES = phases.phases
local ACCESS = PHASES.access
local BEFORE_CONNECT = phases.new(PHASES.access, PHASES.rewrite, PHASES.balancer, PHASES.preread)

local PORT_MAX = 65535
local RETRIES_MAX = 32767
local TIMEOUT_MAX = 2147483646

local service = {}


-- Raises at the caller of the PDK function.
local function check_integer(name, value, min, max)
  if type(value) ~= "number" or floor(value) ~= value then
    error(name .. " must be an integer", 3)
  end
  if value < min or value > max then
    error(fmt("%s must be an integer between %d and %d: given %s", name, min, max, tostring(value)), 3)
  end
end


-- Plugins that run before the route is known have no balancer data yet.
local function tls_options()
  local ctx = ngx.ctx
  local options = ctx.upstream_tls
  if not options then
    options = {}
    ctx.upstream_tls = options
  end
  return options
end


-- Sends the request to one of an upstream's targets. true | nil, err.
function service.set_upstream(host)
  check_phase(ACCESS)
  if type(host) ~= "string" then
    error("host must be a string", 2)
  end
  if not kong.db.upstreams:select_by_name(host) then
    return nil, "could not find an Upstream named '" .. host .. "'"
  end
  ngx.ctx.balancer_data.host = host
  return true
end


function service.set_target(host, port)
  check_phase(BEFORE_CONNECT)
  if type(host) ~= "string" then
    error("host must be a string", 2)
  end
  check_integer("port", port, 0, PORT_MAX)
  ngx.var.upstream_host = host
  local data = ngx.ctx.balancer_data
  data.host = host
  data.port = port
end


-- fn is called before each retry; when it returns false the request fails.
function service.set_target_retry_callback(fn)
  check_phase(ACCESS)
  if type(fn) ~= "function" then
    error("retry_callback must be a function", 2)
  end
  ngx.ctx.balancer_data.retry_callback = fn
end


function service.set_retries(retries)
  check_phase(ACCESS)
  check_integer("retries", retries, 0, RETRIES_MAX)
  ngx.ctx.balancer_data.retries = retries
end


-- Milliseconds.
function service.set_timeouts(connect_timeout, write_timeout, read_timeout)
  check_phase(ACCESS)
  check_integer("connect_timeout", connect_timeout, 1, TIMEOUT_MAX)
  check_integer("write_timeout", write_timeout, 1, TIMEOUT_MAX)
  check_integer("read_timeout", read_timeout, 1, TIMEOUT_MAX)
  local data = ngx.ctx.balancer_data
  data.connect_timeout = connect_timeout
  data.write_timeout = write_timeout
  data.send_timeout = write_timeout
  data.read_timeout = read_timeout
end


-- Parsed certificate chain and private key, from ngx.ssl.
function service.set_tls_cert_key(chain, key)
  check_phase(BEFORE_CONNECT)
  if type(chain) ~= "cdata" then
    error("chain must be a parsed cdata object", 2)
  end
  if type(key) ~= "cdata" then
    error("key must be a parsed cdata object", 2)
  end
  local options = tls_options()
  options.chain = chain
  options.key = key
  return true, nil
end


function service.set_tls_verify(on)
  check_phase(BEFORE_CONNECT)
  if type(on) ~= "boolean" then
    error("argument must be a boolean", 2)
  end
  tls_options().verify = on
  return true
end


function service.set_tls_verify_depth(depth)
  check_phase(BEFORE_CONNECT)
  if type(depth) ~= "number" then
    error("argument must be a number", 2)
  end
  tls_options().verify_depth = depth
  return true
end


-- A resty.openssl.x509.store.
function service.set_tls_verify_store(store)
  check_phase(BEFORE_CONNECT)
  if type(store) ~= "table" then
    error("argument must be a resty.openssl.x509.store object", 2)
  end
  tls_options().store = store
  return true
end


return {
  new = function(kong)
    service.request = require("kong.pdk.service.request").new(kong)
    service.response = require("kong.pdk.service.response").new(kong)
    return service
  end,
}
