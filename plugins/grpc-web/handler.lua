-- Lets browsers (gRPC-Web) talk to gRPC services.
local meta = require "kong.meta"

local kong = kong
local ngx = ngx

local TRAILERS_FRAME = 0x80


local GrpcWeb = {
  PRIORITY = 3,
  VERSION = meta.version,
}


function GrpcWeb:access(conf)
  local origin = conf.allow_origin_header
  kong.response.set_header("Access-Control-Allow-Origin", origin)
  if kong.request.get_method() == "OPTIONS" then
    return kong.response.exit(200, "OK", {
      ["Content-Type"] = "application/grpc-web-text+proto",
      ["Access-Control-Allow-Origin"] = origin,
      ["Access-Control-Allow-Methods"] = "POST",
      ["Access-Control-Allow-Headers"] = "content-type,x-grpc-web,x-user-agent",
    })
  end

  local path = kong.request.get_path()
  if conf.pass_stripped_path then
    path = ngx.var.upstream_uri
    ngx.req.set_uri(path)
  end
  -- Protobuf is loaded when it is needed.
  local translator, err = require("kong.plugins.grpc-web.deco").new(kong.request.get_header("Content-Type"), path, conf.proto)
  if not translator then
    kong.log.err(err)
    return kong.response.exit(400, err)
  end
  kong.ctx.plugin.translator = translator
  local request = kong.service.request
  request.set_header("Content-Type", "application/grpc")
  request.set_header("TE", "trailers")
  request.set_raw_body(translator:upstream(kong.request.get_raw_body()))
end


function GrpcWeb:header_filter()
  local translator = kong.ctx.plugin.translator
  if translator then
    kong.response.set_header("Content-Type", translator.mimetype)
    kong.response.clear_header("Content-Length")
  end
end


-- The trailers become the body's last frame.
function GrpcWeb:body_filter()
  local translator = kong.ctx.plugin.translator
  if not translator or kong.request.get_method() ~= "POST" then
    return
  end
  local chunk = translator:downstream(ngx.arg[1])
  if ngx.arg[2] and translator.framing == "grpc" then
    local var = ngx.var
    local status, message = var.sent_trailer_grpc_status or "0", var.sent_trailer_grpc_message or ""
    local trailers = "grpc-status:" .. status .. "\r\ngrpc-message:" .. message .. "\r\n"
    chunk = chunk .. translator:frame(TRAILERS_FRAME, trailers)
  end
  ngx.arg[1] = chunk
end


return GrpcWeb
