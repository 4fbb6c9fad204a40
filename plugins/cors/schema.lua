local is_regex = require("kong.db.schema").validators.is_regex
local typedefs = require "kong.db.schema.typedefs"


local METHODS = { "GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT" }


local function check_origin(origin)
  if origin == "*" or is_regex(origin) then
    return true
  end
  return nil, ("'%s' is not a valid regex"):format(tostring(origin))
end


local function strings(description)
  return { type = "array", elements = { type = "string" }, description = description }
end


local function flag(description)
  return { type = "boolean", required = true, default = false, description = description }
end


return {
  name = "cors",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { origins = {
          type = "array",
          elements = { type = "string", custom_validator = check_origin },
          description = "Origins that may read answers: plain origins, regular expressions, or * for any.",
        } },
        { headers = strings("Request headers that a preflight allows. Unset: those that were asked for.") },
        { exposed_headers = strings("Response headers that scripts may read.") },
        { methods = {
          type = "array",
          default = METHODS,
          elements = { type = "string", one_of = METHODS },
          description = "Methods that a preflight allows.",
        } },
        { max_age = { type = "number", description = "Seconds for which a preflight may be cached." } },
        { credentials = flag("Allows requests with credentials.") },
        { private_network = flag("Allows requests from public to private networks.") },
        { preflight_continue = flag("Proxies preflight requests instead of answering them.") },
      },
    } },
  },
}
