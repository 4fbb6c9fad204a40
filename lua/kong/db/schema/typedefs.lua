-- Field definitions that schemas share: typedefs.port { default = 80 } and so on. Every definition is a
-- callable table (Schema.define); custom plugins use these names, so they are part of the plugin API.
-- Used by entities and every plugin schema. Must never depend on an entity.
local Schema = require "kong.db.schema"
local certs = require "kong.db.certs"
local checks = require "kong.db.schema.checks"
local constants = require "kong.constants"
local value = require "kong.db.schema.value"

local null = value.null

local typedefs = {}


local HTTP_PROTOCOLS = { "grpc", "grpcs", "http", "https" }

local function all_protocols()
  local list = {}
  for i, name in ipairs(constants.PROTOCOLS) do
    list[i] = name
  end
  return list
end


typedefs.http_method = Schema.define {
  type = "string",
  match = "^%u+$",
  description = "A string representing an HTTP method, such as GET, POST, PUT, or DELETE.",
}

typedefs.protocol = Schema.define {
  type = "string",
  one_of = all_protocols(),
  description = "A string representing a protocol, such as HTTP or HTTPS.",
}

typedefs.host = Schema.define {
  type = "string",
  custom_validator = checks.host,
  description = "A string representing a host name, such as example.com.",
}

typedefs.host_with_optional_port = Schema.define {
  type = "string",
  custom_validator = checks.host_with_optional_port,
  description = "A string representing a host name with an optional port number.",
}

typedefs.wildcard_host = Schema.define {
  type = "string",
  custom_validator = checks.wildcard_host,
  description = "A string representing a host name, which may hold one wildcard label.",
}

typedefs.ip = Schema.define {
  type = "string",
  custom_validator = checks.ip,
  description = "A string representing an IP address.",
}

typedefs.ip_or_cidr = Schema.define {
  type = "string",
  custom_validator = checks.ip_or_cidr,
  description = "A string representing an IP address or a CIDR block.",
}

typedefs.cidr = Schema.define {
  type = "string",
  custom_validator = checks.cidr,
  description = "A string representing a CIDR block.",
}

typedefs.cidr_v4 = Schema.define {
  type = "string",
  custom_validator = checks.cidr_v4,
  description = "A string representing an IPv4 address or CIDR block.",
}

typedefs.port = Schema.define {
  type = "integer",
  between = { 0, 65535 },
  description = "An integer representing a port number between 0 and 65535, inclusive.",
}

typedefs.path = Schema.define {
  type = "string",
  starts_with = "/",
  match_none = {
    { pattern = "//", err = "must not have empty segments" },
  },
  custom_validator = checks.path,
  description = "A string representing a URL path, such as /path/to/resource. Must start with a "
                .. "forward slash (/) and must not contain empty segments.",
}

typedefs.router_path = Schema.define {
  type = "string",
  custom_validator = checks.router_path,
  description = "A string representing a router path: a fixed path, or a regex after ~.",
}

typedefs.url = Schema.define {
  type = "string",
  custom_validator = checks.url,
  description = "A string representing a URL, such as https://example.com/path/to/resource?q=search.",
}

typedefs.cookie_name = Schema.define {
  type = "string",
  custom_validator = checks.cookie_name,
  description = "A string representing an HTTP cookie name defined by RFC 6265.",
}

typedefs.header_name = Schema.define {
  type = "string",
  custom_validator = checks.header_name,
  description = "A string representing an HTTP header name.",
}

typedefs.timeout = Schema.define {
  type = "integer",
  between = { 0, math.pow(2, 31) - 2 },
  description = "An integer representing a timeout in milliseconds.",
}

typedefs.uuid = Schema.define {
  type = "string",
  uuid = true,
  auto = true,
  description = "A string representing a UUID (universally unique identifier).",
}

typedefs.auto_timestamp_s = Schema.define {
  type = "integer",
  timestamp = true,
  auto = true,
  description = "An integer representing an automatic Unix timestamp in seconds.",
}

typedefs.auto_timestamp_ms = Schema.define {
  type = "number",
  timestamp = true,
  auto = true,
  description = "A number representing an automatic Unix timestamp in milliseconds.",
}

typedefs.ttl = Schema.define {
  type = "integer",
  between = { 0, 100000000 },
  description = "An integer representing the time-to-live of an entity in seconds.",
}

typedefs.sni = Schema.define {
  type = "string",
  custom_validator = checks.sni,
  description = "A string representing an SNI (server name indication) value for TLS.",
}

typedefs.wildcard_sni = Schema.define {
  type = "string",
  custom_validator = checks.wildcard_sni,
}

typedefs.certificate = Schema.define {
  type = "string",
  custom_validator = certs.check_certificate,
  description = "A string representing a certificate in PEM format.",
}

typedefs.key = Schema.define {
  type = "string",
  custom_validator = certs.check_key,
  description = "A string representing a key in PEM format.",
}

typedefs.jwk = Schema.define {
  type = "string",
  description = "A string representing a JSON Web Key.",
}

typedefs.pem = Schema.define {
  type = "record",
  required = false,
  description = "A pair of PEM-encoded public and private keys.",
  fields = {
    { private_key = {
      type = "string", required = false, referenceable = true, encrypted = true,
      description = "A string representing a private key in PEM format.",
    }, },
    { public_key = {
      type = "string", required = false, referenceable = true,
      description = "A string representing a public key in PEM format.",
    }, },
  },
  entity_checks = { { at_least_one_of = { "private_key", "public_key" } } },
  custom_validator = certs.check_pem_pair,
}

typedefs.tag = Schema.define {
  type = "string",
  required = true,
  custom_validator = checks.tag,
  description = "A string representing an entity tag.",
}

typedefs.tags = Schema.define {
  type = "set",
  elements = typedefs.tag,
  description = "A set of strings representing tags.",
}

typedefs.name = Schema.define {
  type = "string",
  unique = true,
  custom_validator = checks.name,
  description = "A string representing a name.",
}

typedefs.utf8_name = Schema.define {
  type = "string",
  unique = true,
  custom_validator = checks.utf8_name,
  description = "A unique string representing a UTF-8 encoded name.",
}

typedefs.capability = Schema.define {
  type = "string",
  description = "A string representing an RPC capability.",
}

typedefs.semantic_version = Schema.define {
  type = "string",
  match_any = {
    patterns = { "^%d+%.%d+%.%d+$", "^%d+%.%d+$", "^%d+$" },
    err = "invalid version number: must be in format of X.Y.Z",
  },
  match_none = {
    { pattern = "%.%.", err = "must not have empty version segments" },
  },
  description = "A string representing a semantic version number.",
}

typedefs.lua_code = Schema.define {
  type = "map",
  keys = { type = "string", len_min = 1 },
  values = { type = "string", len_min = 1, custom_validator = checks.lua_code },
  description = "Lua code as a key-value map",
}

typedefs.redis_host = Schema.define {
  type = "string",
  custom_validator = checks.host,
  description = "A string representing the host name of a Redis server.",
}

typedefs.redis_server_name = Schema.define {
  type = "string",
  custom_validator = checks.sni,
  required = false,
}


typedefs.protocols = Schema.define {
  type = "set",
  required = true,
  default = HTTP_PROTOCOLS,
  elements = typedefs.protocol,
  description = "A set of strings representing protocols.",
}

typedefs.protocols_http = Schema.define {
  type = "set",
  required = true,
  default = HTTP_PROTOCOLS,
  elements = { type = "string", one_of = HTTP_PROTOCOLS },
  description = "A set of strings representing HTTP protocols.",
}

typedefs.methods = Schema.define {
  type = "set",
  elements = typedefs.http_method,
  description = "A set of strings representing HTTP methods, such as GET, POST, PUT, or DELETE.",
}

typedefs.hosts = Schema.define {
  type = "array",
  elements = typedefs.wildcard_host,
  description = "An array of strings representing hosts.",
}

typedefs.router_paths = Schema.define {
  type = "array",
  elements = typedefs.router_path,
  description = "An array of strings representing router paths.",
}

typedefs.paths = Schema.define {
  type = "array",
  elements = typedefs.router_path,
}

typedefs.headers = Schema.define {
  type = "map",
  keys = typedefs.header_name,
  values = { type = "array", elements = { type = "string" } },
  custom_validator = checks.route_header,
  description = "A map of header names to arrays of header values.",
}

local function ip_port_set()
  return {
    type = "set",
    elements = {
      type = "record",
      fields = {
        { ip = typedefs.ip_or_cidr },
        { port = typedefs.port },
      },
      entity_checks = { { at_least_one_of = { "ip", "port" } } },
    },
    description = "A set of IP addresses or blocks and ports.",
  }
end

typedefs.sources = Schema.define(ip_port_set())
typedefs.destinations = Schema.define(ip_port_set())


-- Fields of the plugin entity that a plugin does not want to be set.


local function foreign_null(reference)
  return Schema.define { type = "foreign", reference = reference, eq = null }
end


typedefs.no_consumer = foreign_null("consumers")
typedefs.no_service = foreign_null("services")
typedefs.no_route = foreign_null("routes")

for name, definition in pairs {
  no_methods = typedefs.methods,
  no_hosts = typedefs.hosts,
  no_paths = typedefs.router_paths,
  no_headers = typedefs.headers,
  no_sources = typedefs.sources,
  no_destinations = typedefs.destinations,
} do
  local copy = {}
  for k, v in pairs(definition) do
    copy[k] = v
  end
  copy.eq = null
  typedefs[name] = Schema.define(copy)
end


local PROPAGATION_FORMATS = { "preserve", "ignore", "b3", "b3-single", "w3c", "jaeger", "ot", "aws",
                              "gcp", "datadog" }
local EXTRACTORS = { "ot", "w3c", "datadog", "b3", "gcp", "jaeger", "aws" }
local INJECTORS = { "preserve", "ot", "w3c", "datadog", "b3", "b3-single", "gcp", "jaeger", "aws" }

typedefs.propagation_formats = PROPAGATION_FORMATS

typedefs.propagation = Schema.define {
  type = "record",
  required = true,
  fields = {
    { extract = {
      type = "array",
      elements = { type = "string", one_of = EXTRACTORS },
      description = "Header formats used to extract tracing context from incoming requests.",
    }, },
    { clear = {
      type = "array",
      elements = { type = "string" },
      description = "Header names to clear after context extraction.",
    }, },
    { inject = {
      type = "array",
      elements = { type = "string", one_of = INJECTORS },
      description = "Header formats used to inject tracing context.",
    }, },
    { default_format = {
      type = "string",
      required = true,
      one_of = { "w3c", "datadog", "b3", "gcp", "b3-single", "jaeger", "aws", "ot" },
      description = "The header format used when the incoming request has none.",
    }, },
  },
}


typedefs.queue = Schema.define {
  type = "record",
  required = true,
  fields = {
    { max_batch_size = { type = "integer", between = { 1, 1000000 }, default = 1,
      description = "Maximum number of entries that can be processed at a time.", }, },
    { max_coalescing_delay = { type = "number", between = { 0, 3600 }, default = 1,
      description = "Maximum number of seconds to wait before a batch is processed.", }, },
    { max_entries = { type = "integer", between = { 1, 1000000 }, default = 10000,
      description = "Maximum number of entries that can be waiting on the queue.", }, },
    { max_bytes = { type = "integer",
      description = "Maximum number of bytes that can be waiting on a queue.", }, },
    { max_retry_time = { type = "number", default = 60,
      description = "Time in seconds before the queue gives up on a failed batch.", }, },
    { initial_retry_delay = { type = "number", between = { 0.001, 1000000 }, default = 0.01,
      description = "Time in seconds before the first retry of a failing batch.", }, },
    { max_retry_delay = { type = "number", between = { 0.001, 1000000 }, default = 60,
      description = "Maximum time in seconds between retries of a failing batch.", }, },
    { concurrency_limit = { type = "integer", one_of = { -1, 1 }, default = 1,
      description = "The number of queue delivery timers. -1 means unlimited.", }, },
  },
}




return setmetatable(typedefs, {
  __index = function(_, name)
    error("schema typedef error: definition " .. tostring(name) .. " does not exist", 2)
  end,
})
