-- kong.client.tls: the client's side of a TLS connection: asking for its certificate, and what came of it.
local phases = require "kong.pdk.private.phases"

local check_phase = phases.check
local error = error
local ngx = ngx
local sub = string.sub
local type = type

local PHASES = phases.phases
local READERS = phases.new(PHASES.rewrite, PHASES.access, PHASES.response, PHASES.balancer, PHASES.log)
local SETTERS = phases.new(PHASES.rewrite, PHASES.access, PHASES.response, PHASES.balancer)

local VERIFY_CLIENT_ANY_DEPTH = 0


-- ca_certs: parsed certificates whose names the client is told, or nil.
local function request_client_certificate(ca_certs)
  check_phase(PHASES.certificate)
  return require("ngx.ssl").verify_client(ca_certs, VERIFY_CLIENT_ANY_DEPTH)
end


local function disable_session_reuse()
  check_phase(PHASES.certificate)
  return require("ngx.ssl").disable_session_reuse()
end


local function disable_http2_alpn()
  check_phase(PHASES.client_hello)
  return nil, "HTTP/2 cannot be switched off for a single connection"
end


-- PEM of the client's certificates, the leaf first; nil when it sent none.
local function get_full_client_certificate_chain()
  check_phase(READERS)
  return (require("ngx.ssl").client_chain())
end


local function set_client_verify(value)
  check_phase(SETTERS)
  if type(value) ~= "string" then
    error("argument must be a string, got " .. type(value), 2)
  end
  if value ~= "SUCCESS" and value ~= "NONE" and sub(value, 1, 7) ~= "FAILED:" then
    error("unknown client verify value: " .. value ..
          " accepted values are: \"SUCCESS\", \"NONE\" or \"FAILED:<reason>\"", 2)
  end
  ngx.ctx.CLIENT_VERIFY_OVERRIDE = value
end


return {
  new = function()
    return {
      request_client_certificate = request_client_certificate,
      disable_session_reuse = disable_session_reuse,
      disable_http2_alpn = disable_http2_alpn,
      get_full_client_certificate_chain = get_full_client_certificate_chain,
      set_client_verify = set_client_verify,
    }
  end,
}
