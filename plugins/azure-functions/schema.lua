local typedefs = require "kong.db.schema.typedefs"


local function secret(description)
  return { type = "string", encrypted = true, referenceable = true, description = description }
end


local fields = {
  { timeout = { type = "number", default = 600000, description = "Timeout in milliseconds." } },
  { keepalive = {
    type = "number",
    default = 60000,
    description = "Milliseconds for which an idle connection is kept.",
  } },
  { https = { type = "boolean", default = true, description = "Whether to connect with TLS." } },
  { https_verify = { type = "boolean", default = false, description = "Whether to verify the server's certificate." } },
  { apikey = secret("Key for the function, sent as x-functions-key.") },
  { clientid = secret("Client id for the function, sent as x-functions-clientid.") },
  { appname = { type = "string", required = true, description = "Name of the app." } },
  { hostdomain = {
    type = "string",
    required = true,
    default = "azurewebsites.net",
    description = "Domain of the app.",
  } },
  { routeprefix = { type = "string", default = "api", description = "First part of the path." } },
  { functionname = { type = "string", required = true, description = "Name of the function." } },
}


return {
  name = "azure-functions",
  fields = {
    { protocols = typedefs.protocols },
    { config = { type = "record", fields = fields } },
  },
}
