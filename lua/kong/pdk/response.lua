-- kong.response: the response to the client, and ending the request with one of the gateway's own.
-- How a response is put together is private/local_response.lua.
local buffer = require "string.buffer"
local cjson = require "kong.tools.cjson"
local checks = require "kong.pdk.private.checks"
local http = require "kong.tools.http"
local local_response = require "kong.pdk.private.local_response"
local phases = require "kong.pdk.private.phases"
local request_id = require "kong.observability.tracing.request_id"

local add_header = require("ngx.resp").add_header
local arg = ngx.arg
local check_phase = phases.check
local error = error
local fmt = string.format
local lower = string.lower
local next = next
local ngx = ngx
local normalize = checks.normalize_multi_header
local send = local_response.send
local type = type
local validate_header = checks.validate_header
local validate_headers = checks.validate_headers

local PHASES = phases.phases
local BODY_FILTER = PHASES.body_filter
local SETTERS = phases.new(PHASES.rewrite, PHASES.access, PHASES.response, PHASES.balancer, PHASES.header_filter,
                           PHASES.error, PHASES.admin_api)
local READERS = phases.new(PHASES.response, PHASES.header_filter, PHASES.body_filter, PHASES.log, PHASES.error,
                           PHASES.admin_api)

local STATUS_MIN, STATUS_MAX = 100, 599
local ERROR_MIN = 400
local HEADERS_MAX = 1000
local GRPC = "application/grpc"
local SENT = "headers have already been sent"

local response = {}


function response.get_status()
  check_phase(READERS)
  return ngx.status
end


-- The first value of a header.
function response.get_header(name)
  check_phase(READERS)
  if type(name) ~= "string" then
    error("header name must be a string", 2)
  end
  local value = ngx.resp.get_headers()[name]
  if type(value) == "table" then
    return value[1]
  end
  return value
end


function response.get_headers(max_headers)
  check_phase(READERS)
  if max_headers == nil then
    return ngx.resp.get_headers()
  end
  if type(max_headers) ~= "number" then
    error("max_headers must be a number", 2)
  end
  if max_headers < 1 then
    error("max_headers must be >= 1", 2)
  end
  if max_headers > HEADERS_MAX then
    error("max_headers must be <= " .. HEADERS_MAX, 2)
  end
  return ngx.resp.get_headers(max_headers)
end


-- "error", "exit" (a plugin or the gateway answered) or "service".
function response.get_source(ctx)
  check_phase(READERS)
  ctx = ctx or ngx.ctx
  if ctx.KONG_UNEXPECTED then
    return "error"
  end
  if ctx.KONG_EXITED then
    return "exit"
  end
  return ctx.KONG_PROXIED and "service" or "error"
end


-- Raises at the caller of the PDK function.
local function check_status(status, min)
  if type(status) ~= "number" then
    error("code must be a number", 3)
  end
  if status < min or status > STATUS_MAX then
    error(fmt("code must be a number between %d and %d", min, STATUS_MAX), 3)
  end
end


function response.set_status(status)
  check_phase(SETTERS)
  if ngx.headers_sent then
    error(SENT, 2)
  end
  check_status(status, STATUS_MIN)
  ngx.status = status
end


local function is_transfer_encoding(name)
  if #name ~= 17 then
    return false
  end
  name = lower(name)
  return name == "transfer-encoding" or name == "transfer_encoding"
end


local function warn_transfer_encoding()
  kong.log.warn("manually setting Transfer-Encoding. Ignored.")
end


function response.set_header(name, value)
  check_phase(SETTERS)
  if ngx.headers_sent then
    error(SENT, 2)
  end
  validate_header(name, value)
  if is_transfer_encoding(name) then
    return warn_transfer_encoding()
  end
  ngx.header[name] = normalize(value)
end


function response.add_header(name, value)
  check_phase(SETTERS)
  if ngx.headers_sent then
    error(SENT, 2)
  end
  validate_header(name, value)
  if type(value) ~= "table" or #value > 0 then
    add_header(name, normalize(value))
  end
end


function response.clear_header(name)
  check_phase(SETTERS)
  if ngx.headers_sent then
    error(SENT, 2)
  end
  if type(name) ~= "string" then
    error("header name must be a string", 2)
  end
  ngx.header[name] = nil
end


function response.set_headers(headers)
  check_phase(SETTERS)
  if ngx.headers_sent then
    error(SENT, 2)
  end
  validate_headers(headers)
  for name, value in next, headers do
    if is_transfer_encoding(name) then
      warn_transfer_encoding()
    else
      ngx.header[name] = normalize(value)
    end
  end
end


-- Holds the body back chunk by chunk; the whole of it comes with the last chunk, nil before.
function response.get_raw_body()
  check_phase(BODY_FILTER)
  local ctx = ngx.ctx
  local held = ctx.KONG_BODY_BUFFER
  local chunk, is_last = arg[1], arg[2]
  if is_last and not held then
    return chunk
  end
  if type(chunk) == "string" and chunk ~= "" then
    if not held then
      held = buffer.new()
      ctx.KONG_BODY_BUFFER = held
    end
    held:put(chunk)
  end
  if not is_last then
    arg[1] = nil
    return nil
  end
  local body = held and held:get() or ""
  ctx.KONG_BODY_BUFFER = nil
  arg[1] = body
  return body
end


-- Replaces what is left of the body.
function response.set_raw_body(body)
  check_phase(BODY_FILTER)
  if type(body) ~= "string" then
    error("body must be a string", 2)
  end
  arg[1] = body == "" and "\n" or body
  arg[2] = true
  ngx.ctx.KONG_BODY_BUFFER = nil
end


-- While ctx.delay_response is set (by a plugin that drives delayed responses itself) the first answer waits in the
-- context until kong.runloop sends it.
local function finish(status, body, headers)
  local ctx = ngx.ctx
  ctx.KONG_EXITED = true
  if ctx.delay_response and not ctx.delayed_response then
    ctx.delayed_response = { status_code = status, content = body, headers = headers }
    ctx.delayed_response_callback = local_response.flush
    return require("ngx.proxy").abandon()
  end
  return send(ctx, status, body, headers)
end


-- Ends the request with a response; in header_filter it replaces the response that was under way and returns.
function response.exit(status, body, headers)
  check_phase(SETTERS)
  if ngx.headers_sent then
    error(SENT, 2)
  end
  check_status(status, STATUS_MIN)
  if body ~= nil and type(body) ~= "string" and type(body) ~= "table" then
    error("body must be a nil, string or table", 2)
  end
  if headers ~= nil then
    if type(headers) ~= "table" then
      error("headers must be a nil or table", 2)
    end
    validate_headers(headers)
  end
  return finish(status, body, headers)
end


-- The content type of an error: the caller's, gRPC, or what the client accepts.
local function error_type(headers)
  local given = headers["Content-Type"]
  if given ~= nil then
    return type(given) == "table" and given[1] or given
  end
  if local_response.is_grpc_request() then
    return GRPC
  end
  local accepted = http.get_response_type(ngx.req.get_headers()["Accept"])
  -- Who accepts gRPC without speaking it gets an empty answer of no type.
  return accepted == GRPC and "" or accepted
end


-- Ends the request with an error page in a format the client accepts.
function response.error(status, message, headers)
  check_phase(SETTERS)
  if ngx.headers_sent then
    error(SENT, 2)
  end
  check_status(status, ERROR_MIN)
  if type(message) == "table" then
    local text, err = cjson.encode(message)
    if not text then
      error("could not JSON encode the error message: " .. err, 2)
    end
    message = text
  elseif message ~= nil and type(message) ~= "string" then
    error("message must be a nil, a string or a table", 2)
  end

  if headers == nil then
    headers = {}
  elseif type(headers) ~= "table" then
    error("headers must be a nil or table", 2)
  else
    validate_headers(headers)
  end
  local content_type = error_type(headers)
  headers["Content-Type"] = content_type
  local body
  if content_type == "" then
    body = ""
  elseif content_type ~= GRPC then
    body = fmt(http.get_error_template(content_type), message or http.get_default_message(status), request_id.get() or "")
  end
  return finish(status, body, headers)
end


return {
  new = function()
    return response
  end,
}
