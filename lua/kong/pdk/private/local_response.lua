-- Sends a response that the gateway makes itself: status, headers, a text or table body, and what gRPC clients need
-- instead. Called by kong.response with arguments it has checked.
local cjson = require "kong.tools.cjson"
local normalize = require("kong.pdk.private.checks").normalize_multi_header
local phases = require "kong.pdk.private.phases"

local error = error
local find = string.find
local lower = string.lower
local next = next
local ngx = ngx
local proxy = require "ngx.proxy"
local set_held_body = proxy.set_held_body
local type = type
local want_body_filter = proxy.want_body_filter

local HEADER_FILTER = phases.phases.header_filter
local RESPONSE = phases.phases.response
local GRPC = "application/grpc"
local JSON = "application/json; charset=utf-8"

local GRPC_UNKNOWN = 2
local GRPC_STATUS = {
  [200] = 0, [400] = 3, [401] = 16, [403] = 7, [404] = 5, [409] = 6, [429] = 8, [499] = 1, [500] = 13, [501] = 12,
  [503] = 14, [504] = 4,
}
local GRPC_BY_CLASS = { [2] = 0, [4] = 3, [5] = 13 }
local GRPC_NAMES = {
  [0] = "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
  "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal",
  "Unavailable", "DataLoss", "Unauthenticated",
}

local local_response = {}


function local_response.is_grpc_request()
  local content_type = ngx.var.http_content_type
  return content_type ~= nil and find(content_type, GRPC, 1, true) == 1 and ngx.req.http_version() == 2
end


-- Sets the caller's headers. Returns whether they name a type and a length.
local function set_headers(headers)
  local has_type, has_length = false, false
  for name, value in next, headers do
    local known = lower(name):gsub("_", "-")
    if known == "transfer-encoding" then
      kong.log.warn("manually setting Transfer-Encoding. Ignored.")
    else
      ngx.header[name] = normalize(value)
      has_type = has_type or known == "content-type"
      has_length = has_length or known == "content-length"
    end
  end
  return has_type, has_length
end


-- Hands the body over: printed, in the place of the service's, or in header_filter left for body_filter.
local function put_body(ctx, body)
  local phase = ctx.KONG_PHASE
  if phase == HEADER_FILTER then
    ctx.response_body = body
    want_body_filter()
  elseif phase == RESPONSE then
    set_held_body(body)
  else
    ngx.print(body)
  end
end


-- The phase ends here, the request only where nothing else is going to send.
local function finish(ctx, status)
  local phase = ctx.KONG_PHASE
  if phase == HEADER_FILTER or phase == RESPONSE then
    return ngx.exit(ngx.OK)
  end
  return ngx.exit(status)
end


-- The text that a gRPC client gets for a table: its message.
local function text_of(body)
  if type(body) ~= "table" then
    return body
  end
  if type(body.message) == "string" then
    return body.message
  end
  kong.log.warn("body was removed because table body encoding with gRPC is not supported")
  return nil
end


-- A response with Content-Type application/grpc set by the caller carries its body as it is; otherwise the client speaks
-- gRPC and the text becomes grpc-message.
local function send_grpc(ctx, status, body, has_length, is_output)
  local header = ngx.header
  local grpc_status
  if not header["grpc-status"] then
    grpc_status = GRPC_STATUS[status] or GRPC_BY_CLASS[(status - status % 100) / 100] or GRPC_UNKNOWN
    header["grpc-status"] = grpc_status
  end
  if is_output and type(body) == "table" then
    error("table body encoding with gRPC is not supported", 4)
  end
  body = text_of(body)
  if body ~= nil and not is_output then
    header["Content-Length"] = 0
    header["grpc-message"] = body
    put_body(ctx, "")
    return finish(ctx, status)
  end
  if not has_length then
    header["Content-Length"] = body and #body or 0
  end
  if grpc_status and not header["grpc-message"] then
    header["grpc-message"] = GRPC_NAMES[grpc_status]
  end
  put_body(ctx, body or "")
  return finish(ctx, status)
end


-- body: nil, text, or a table that goes out as JSON.
function local_response.send(ctx, status, body, headers)
  ngx.status = status
  local has_type, has_length = false, false
  if headers ~= nil then
    has_type, has_length = set_headers(headers)
  end
  local header = ngx.header
  local content_type = header["Content-Type"]
  if content_type and find(content_type, GRPC, 1, true) == 1 then
    return send_grpc(ctx, status, body, has_length, true)
  end
  if not content_type and local_response.is_grpc_request() then
    return send_grpc(ctx, status, body, has_length, false)
  end

  if type(body) == "table" then
    local text, err = cjson.encode(body)
    if not text then
      error("body encoding failed while flushing response: " .. err, 3)
    end
    body = text
    if not has_type then
      header["Content-Type"] = JSON
    end
  end
  if not has_length then
    header["Content-Length"] = body and #body or 0
  end
  if body or ctx.KONG_PHASE == RESPONSE then
    put_body(ctx, body or "")
  end
  return finish(ctx, status)
end


-- Sends the response that waits in the context.
function local_response.flush(ctx)
  ctx = ctx or ngx.ctx
  local delayed = ctx.delayed_response
  return local_response.send(ctx, delayed.status_code, delayed.content, delayed.headers)
end


return local_response
