-- The services entity: an upstream application.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local typedefs = require "kong.db.schema.typedefs"
local url_parts = require "kong.db.schema.url"
local value = require "kong.db.schema.value"

local null = value.null

local DEFAULT_PORTS = { http = 80, https = 443 }

local timeout = typedefs.timeout { between = { 1, math.pow(2, 31) - 2 }, default = 60000 }


local function timeout_field()
  local field = {}
  for k, v in pairs(timeout) do
    field[k] = v
  end
  return field
end


local function only_with_protocols(names, field)
  return {
    conditional = {
      if_field = "protocol",
      if_match = { not_one_of = names },
      then_field = field,
      then_match = { eq = null },
    },
  }
end


local function never_with_protocols(names, field)
  return {
    conditional = {
      if_field = "protocol",
      if_match = { one_of = names },
      then_field = field,
      then_match = { eq = null },
    },
  }
end


local function split_url(text)
  local parts = url_parts.parse(tostring(text))
  local port = parts.port and tonumber(parts.port)
  return {
    protocol = parts.scheme,
    host = parts.host or null,
    port = port or DEFAULT_PORTS[parts.scheme] or 80,
    path = parts.path or null,
  }
end


return {
  name = "services",
  primary_key = { "id" },
  workspaceable = true,
  endpoint_key = "name",
  dao = "kong.db.dao.services",

  fields = {
    { id = typedefs.uuid, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
    { name = typedefs.utf8_name, },
    { retries = { type = "integer", default = 5, between = { 0, 32767 }, }, },
    { protocol = typedefs.protocol { required = true, default = "http", }, },
    { host = typedefs.host { required = true, }, },
    { port = typedefs.port { required = true, default = 80, }, },
    { path = typedefs.path, },
    { connect_timeout = timeout_field(), },
    { write_timeout = timeout_field(), },
    { read_timeout = timeout_field(), },
    { tags = typedefs.tags, },
    { client_certificate = { type = "foreign", reference = "certificates", }, },
    { tls_verify = { type = "boolean", }, },
    { tls_verify_depth = { type = "integer", default = null, between = { 0, 64 }, }, },
    { ca_certificates = { type = "array", elements = { type = "string", uuid = true, }, }, },
    { enabled = { type = "boolean", required = true, default = true, }, },
  },

  entity_checks = {
    never_with_protocols({ "tcp", "tls", "udp", "grpc", "grpcs" }, "path"),
    only_with_protocols({ "https", "tls" }, "client_certificate"),
    only_with_protocols({ "https", "tls" }, "tls_verify"),
    only_with_protocols({ "https", "tls" }, "tls_verify_depth"),
    only_with_protocols({ "https", "tls" }, "ca_certificates"),
  },

  shorthand_fields = {
    { url = { type = "string", func = split_url, }, },
  },
}
