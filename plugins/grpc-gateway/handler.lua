-- Lets HTTP clients with JSON talk to gRPC services.
local meta = require "kong.meta"

local kong = kong
local ngx = ngx
local tonumber = tonumber

-- gRPC's status codes as HTTP has them.
local HTTP_STATUS = {
  [0] = 200, [1] = 499, [2] = 500, [3] = 400, [4] = 504, [5] = 404, [6] = 409, [7] = 403, [8] = 429, [9] = 400, [10] = 409,
  [11] = 400, [12] = 500, [13] = 500, [14] = 503, [15] = 500, [16] = 401,
}


local GrpcGateway = {
  PRIORITY = 998,
  VERSION = meta.version,
}


local function refuse(err)
  kong.log.err(err)
  return kong.response.exit(400, err)
end


function GrpcGateway:access(conf)
  kong.response.set_header("Access-Control-Allow-Origin", "*")
  local method = kong.request.get_method()
  if method == "OPTIONS" then
    return kong.response.exit(200, "OK", {
      ["Content-Type"] = "application/json",
      ["Access-Control-Allow-Origin"] = "*",
      ["Access-Control-Allow-Methods"] = "GET,POST,PATCH,DELETE",
      ["Access-Control-Allow-Headers"] = "content-type",
    })
  end

  -- Protobuf is loaded when it is needed.
  local translator, err = require("kong.plugins.grpc-gateway.deco").new(method:lower(), kong.request.get_path(), conf.proto)
  if not translator then
    return refuse(err)
  end
  kong.ctx.plugin.translator = translator
  local request = kong.service.request
  request.set_header("Content-Type", "application/grpc")
  request.set_header("TE", "trailers")
  local body
  body, err = translator:upstream(kong.request.get_raw_body())
  if not body then
    return refuse(err)
  end
  request.set_raw_body(body)
  request.set_path(translator.rewrite_path)
  request.set_raw_query("")
  request.set_method("POST")
end


function GrpcGateway:header_filter()
  if kong.ctx.plugin.translator then
    kong.response.set_header("Content-Type", "application/json")
    kong.response.clear_header("Content-Length")
  end
  local code = tonumber(ngx.header["grpc-status"])
  if code then
    if not HTTP_STATUS[code] then
      kong.log.warn("Unable to map grpc-status ", code, " to HTTP status code")
    end
    ngx.status = HTTP_STATUS[code] or 500
  end
end


function GrpcGateway:body_filter()
  local translator = kong.ctx.plugin.translator
  if not translator then
    return
  end
  local out = translator:downstream(ngx.arg[1])
  if out == "" then
    -- At the end, what never became a message goes out as it is.
    out = ngx.arg[2] and translator:get_raw_downstream_body() or nil
  end
  ngx.arg[1] = out
end


return GrpcGateway
