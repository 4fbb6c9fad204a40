local queue_fields = require "kong.tools.queue_fields"
local typedefs = require "kong.db.schema.typedefs"
local url = require "socket.url"


local function forbidden_header(name)
  local pattern = name:gsub("%a", function(c)
    return "[" .. c:upper() .. c:lower() .. "]"
  end):gsub("%-", "%%-")
  return { pattern = "^" .. pattern .. "$", err = "cannot contain '" .. name .. "' header" }
end


local function check_credentials(config)
  local parts = url.parse(config.http_endpoint)
  if not parts.userinfo or type(config.headers) ~= "table" then
    return true
  end
  for name in pairs(config.headers) do
    if name:lower() == "authorization" then
      return false, "specifying both an 'Authorization' header and user info in 'http_endpoint' is not allowed"
    end
  end
  return true
end


local fields = {
  { http_endpoint = typedefs.url { required = true, encrypted = true, referenceable = true } },
  { method = {
    type = "string",
    default = "POST",
    one_of = { "POST", "PUT", "PATCH" },
    description = "The method that entries are sent with.",
  } },
  { content_type = {
    type = "string",
    default = "application/json",
    one_of = { "application/json", "application/json; charset=utf-8" },
    description = "The content type of what is sent.",
  } },
  { timeout = { type = "number", default = 10000, description = "Timeout in milliseconds." } },
  { keepalive = {
    type = "number",
    default = 60000,
    description = "Milliseconds for which an idle connection is kept.",
  } },
  { headers = {
    type = "map",
    keys = typedefs.header_name {
      match_none = {
        forbidden_header("Host"), forbidden_header("Content-Length"), forbidden_header("Content-Type"),
      },
    },
    values = { type = "string", referenceable = true },
    description = "Headers to send along.",
  } },
  { queue = typedefs.queue },
  { custom_fields_by_lua = typedefs.lua_code },
}
queue_fields.add_deprecated(fields, "http-log", { retry_count = 10, queue_size = 1, flush_timeout = 2 })


return {
  name = "http-log",
  fields = {
    { protocols = typedefs.protocols },
    { config = {
      type = "record",
      fields = fields,
      custom_validator = check_credentials,
    } },
  },
}
