-- The routes entity: what a request must look like to reach a service.
-- Read by kong.db and by schemas that refer to it. Must never hold anything but the definition.
local route_checks = require "kong.db.schema.entities.routes_checks"
local typedefs = require "kong.db.schema.typedefs"

local PRIORITY_MAX = 2 ^ 46 - 1

-- Paths of gRPC name the method: they are not stripped.
local function prefill(route)
  local protocols = route.protocols
  if route.strip_path ~= nil or type(protocols) ~= "table" then
    return
  end
  for i = 1, #protocols do
    if protocols[i] == "grpc" or protocols[i] == "grpcs" then
      route.strip_path = false
    end
  end
end


local routes = {
  name = "routes",
  prefill = prefill,
  primary_key = { "id" },
  endpoint_key = "name",
  workspaceable = true,
  subschema_key = nil,

  fields = {
    { id = typedefs.uuid, },
    { created_at = typedefs.auto_timestamp_s, },
    { updated_at = typedefs.auto_timestamp_s, },
    { name = typedefs.utf8_name, },
    { protocols = {
      type = "set",
      len_min = 1,
      required = true,
      elements = typedefs.protocol,
      mutually_exclusive_subsets = {
        { "http", "https" },
        { "tcp", "tls", "udp" },
        { "tls_passthrough" },
        { "grpc", "grpcs" },
      },
      default = { "http", "https" },
    }, },
    { https_redirect_status_code = {
      type = "integer",
      one_of = { 426, 301, 302, 307, 308 },
      default = 426,
      required = true,
    }, },
    { strip_path = { type = "boolean", required = true, default = true, }, },
    { preserve_host = { type = "boolean", required = true, default = false, }, },
    { request_buffering = { type = "boolean", required = true, default = true, }, },
    { response_buffering = { type = "boolean", required = true, default = true, }, },
    { tags = typedefs.tags, },
    { service = { type = "foreign", reference = "services", }, },
    { snis = { type = "set", elements = typedefs.wildcard_sni, }, },
    { sources = typedefs.sources, },
    { destinations = typedefs.destinations, },
    { methods = typedefs.methods, },
    { hosts = typedefs.hosts, },
    { paths = typedefs.router_paths, },
    { headers = typedefs.headers, },
    { regex_priority = { type = "integer", default = 0, }, },
    { path_handling = { type = "string", default = "v0", one_of = { "v0", "v1" }, }, },
  },

  entity_checks = {
    { conditional = {
      if_field = "protocols",
      if_match = {
        elements = { type = "string", not_one_of = { "grpcs", "https", "tls", "tls_passthrough" }, },
      },
      then_field = "snis",
      then_match = { len_eq = 0 },
      then_err = "'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or "
                 .. "'tls_passthrough'",
    }, },
    { custom_entity_check = {
      field_sources = {
        "protocols", "methods", "hosts", "headers", "paths", "snis", "sources", "destinations",
        "strip_path",
      },
      run_with_missing_fields = true,
      run_with_invalid_fields = true,
      fn = route_checks.protocols,
    }, },
  },
}


-- In the flavour expressions a route may name its requests by an expression instead of the other fields.
if route_checks.is_expressions() then
  table.insert(routes.fields, { expression = { type = "string" } })
  table.insert(routes.fields, { priority = {
    type = "integer", required = true, default = 0, between = { 0, PRIORITY_MAX },
  } })
  table.insert(routes.entity_checks, { custom_entity_check = {
    field_sources = { "expression", "protocols" },
    run_with_missing_fields = true,
    fn = route_checks.expression,
  } })
  table.insert(routes.entity_checks[2].custom_entity_check.field_sources, "expression")
end


return routes
