-- Pages for errors that were found below Lua: malformed or oversized requests, upstreams that cannot be reached or answer
-- nonsense. Unlike errors of the runloop, the format falls back to the request's own content type and then to
-- error_default_type. Called by kong.runloop.
-- Must never be used for a response that an upstream gave: those pass through untouched.
local request_id = require "kong.observability.tracing.request_id"
local tools_http = require "kong.tools.http"

local fmt = string.format
local sub = string.sub

local errors = {}

local PHASE_ERROR = 0x1000000
local DEFAULT_MESSAGE = "The upstream server responded with %d"
local MESSAGES = {
  [400] = "Bad request",
  [404] = "Not found",
  [405] = "Method not allowed",
  [408] = "Request timeout",
  [411] = "Length required",
  [412] = "Precondition failed",
  [413] = "Payload too large",
  [414] = "URI too long",
  [417] = "Expectation failed",
  [494] = "Request header or cookie too large",
  [500] = "An unexpected error occurred",
  [502] = "An invalid response was received from the upstream server",
  [503] = "The upstream server is currently unavailable",
  [504] = "The upstream server is timing out",
}


local function wanted_type(var)
  local accept = var.http_accept
  if accept then
    return tools_http.get_response_type(accept), accept
  end
  local content_type = var.http_content_type
  if content_type and content_type ~= "" then
    return tools_http.get_response_type(content_type), content_type
  end
  local default = kong.configuration.error_default_type
  return tools_http.get_mime_type(default) or tools_http.get_response_type(default), default
end


-- Answers the request with the page for `status`.
function errors.page(status)
  local ctx = ngx.ctx
  ctx.KONG_PHASE = PHASE_ERROR
  ctx.KONG_UNEXPECTED = true
  local var = ngx.var
  local message = MESSAGES[status] or fmt(DEFAULT_MESSAGE, status)
  if status == 494 then
    status = 400
  end

  local mime, wanted = wanted_type(var)
  if wanted and sub(wanted, 1, 16) == "application/grpc" then
    return kong.response.exit(status, { message = message })
  end
  local body = fmt(tools_http.get_error_template(mime), message, request_id.get())
  return kong.response.exit(status, body, { ["Content-Type"] = mime })
end


return errors
