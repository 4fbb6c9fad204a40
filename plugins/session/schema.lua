local random_bytes = require("resty.openssl.rand").bytes
local typedefs = require "kong.db.schema.typedefs"


local function random_secret()
  return (ngx.encode_base64(assert(random_bytes(32, true))):gsub("[/+=]", "x"))
end


local function text(default, description, more)
  local field = more or {}
  field.type, field.default, field.description = "string", default, description
  return field
end


local function seconds(default, description)
  return { type = "number", default = default, description = description }
end


local function flag(default, description)
  return { type = "boolean", default = default, description = description }
end


local function session_headers(description)
  return {
    type = "set",
    elements = {
      type = "string",
      one_of = { "id", "audience", "subject", "timeout", "idling-timeout", "rolling-timeout", "absolute-timeout" },
    },
    description = description,
  }
end


-- Names that settings had before; they stand for the new ones.
local function renamed(kind, new_name, convert)
  return {
    type = kind,
    func = function(value)
      if convert then
        value = convert(value)
      end
      return { [new_name] = value }
    end,
  }
end


return {
  name = "session",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols },
    { config = {
      type = "record",
      fields = {
        { secret = text(random_secret(), "The secret that session cookies are encrypted with.", {
          required = false, encrypted = true, referenceable = true }) },
        { storage = text("cookie", "Where sessions are kept.", { one_of = { "cookie", "kong" } }) },
        { audience = text("default", "The application that sessions are for.") },
        { idling_timeout = seconds(900, "Seconds without a request after which a session ends.") },
        { rolling_timeout = seconds(3600, "Seconds for which a cookie is good before it is renewed.") },
        { absolute_timeout = seconds(86400, "Seconds after which a session ends in any case.") },
        { stale_ttl = seconds(10, "Seconds for which a replaced cookie is still accepted.") },
        { cookie_name = text("session", "Name of the cookie.") },
        { cookie_path = text("/", "Path of the cookie.") },
        { cookie_domain = text(nil, "Domain of the cookie.") },
        { cookie_same_site = text("Strict", "The cookie's SameSite attribute.", {
          one_of = { "Strict", "Lax", "None", "Default" } }) },
        { cookie_http_only = flag(true, "Keeps the cookie from scripts.") },
        { cookie_secure = flag(true, "Keeps the cookie from plain HTTP.") },
        { remember = flag(false, "Sends a lasting cookie too.") },
        { remember_cookie_name = text("remember", "Name of the lasting cookie.") },
        { remember_rolling_timeout = seconds(604800, "Seconds for which the lasting cookie is good.") },
        { remember_absolute_timeout = seconds(2592000, "Seconds after which it ends in any case.") },
        { response_headers = session_headers("What clients are told about the session.") },
        { request_headers = session_headers("What upstreams are told about the session.") },
        { read_body_for_logout = flag(false, "Looks for the logout argument in bodies too.") },
        { logout_methods = {
          type = "set",
          elements = { type = "string", one_of = { "GET", "POST", "DELETE" } },
          default = { "POST", "DELETE" },
          description = "Methods that may end a session.",
        } },
        { logout_query_arg = text("session_logout", "The query argument that ends a session.") },
        { logout_post_arg = text("session_logout", "The field of a form that ends a session.") },
      },
      shorthand_fields = {
        { cookie_lifetime = renamed("number", "rolling_timeout") },
        { cookie_idletime = renamed("number", "idling_timeout", function(value)
          return (value == nil or value == ngx.null) and 0 or value
        end) },
        { cookie_renew = { type = "number", func = function() end } },
        { cookie_discard = renamed("number", "stale_ttl") },
        { cookie_samesite = renamed("string", "cookie_same_site", function(value)
          return value == "off" and "Lax" or value
        end) },
        { cookie_httponly = renamed("boolean", "cookie_http_only") },
        { cookie_persistent = renamed("boolean", "remember") },
      },
    } },
  },
}
