-- Between what gRPC-Web clients send (frames in plain bytes or Base64, protobuf or JSON) and gRPC.
local cjson = require "cjson"
local grpc = require "kong.tools.grpc"
local pb = require "pb"

local concat = table.concat
local frame = grpc.frame
local ngx = ngx
local setmetatable = setmetatable
local unframe = grpc.unframe

local deco = {}
deco.__index = deco

-- By content type: { text encoding, framing, encoding of messages }.
local KINDS = {
  ["application/grpc-web"] = { "plain", "grpc", "proto" },
  ["application/grpc-web-text"] = { "base64", "grpc", "proto" },
  ["application/grpc-web+proto"] = { "plain", "grpc", "proto" },
  ["application/grpc-web-text+proto"] = { "base64", "grpc", "proto" },
  ["application/grpc-web+json"] = { "plain", "grpc", "json" },
  ["application/grpc-web-text+json"] = { "base64", "grpc", "json" },
  ["application/json"] = { "plain", "none", "json" },
}

-- Methods by path, by file: { input type, output type }.
local files = {}


local function methods_of(file)
  local methods = files[file]
  if not methods then
    methods = {}
    grpc.new():each_method(file, function(parsed, service, method)
      local path = "/" .. parsed.package .. "." .. service.name .. "/" .. method.name
      methods[path] = { method.input_type, method.output_type }
    end, true)
    files[file] = methods
  end
  return methods
end


-- A translator for one request | nil, err. file: .proto file, only needed for JSON.
function deco.new(content_type, path, file)
  local kind = KINDS[content_type] or {}
  local self = setmetatable({
    mimetype = content_type,
    text_encoding = kind[1],
    framing = kind[2],
    msg_encoding = kind[3],
  }, deco)
  if self.msg_encoding == "proto" then
    return self
  end
  if not file then
    return nil, "transcoding requests require a .proto file defining the service"
  end
  local method = methods_of(file)[path]
  if not method then
    return nil, ("Unknown path %q"):format(path)
  end
  self.input_type, self.output_type = method[1], method[2]
  return self
end


-- The client's body -> gRPC's.
function deco:upstream(body)
  if self.text_encoding == "base64" then
    body = ngx.decode_base64(body)
  end
  if self.msg_encoding == "json" then
    local message = self.framing == "grpc" and unframe(body) or body
    body = frame(0, pb.encode(self.input_type, cjson.decode(message)))
  end
  return body
end


-- A piece of gRPC's body -> what goes to the client of it.
function deco:downstream(chunk)
  if self.msg_encoding ~= "proto" then
    local out = {}
    local message, rest = unframe((self.rest or "") .. chunk)
    while message do
      message = cjson.encode(pb.decode(self.output_type, message))
      out[#out + 1] = self.framing == "grpc" and frame(0, message) or message
      message, rest = unframe(rest)
    end
    self.rest = rest
    chunk = concat(out)
  end
  return self.text_encoding == "base64" and ngx.encode_base64(chunk) or chunk
end


function deco:frame(kind, message)
  local framed = frame(kind, message)
  return self.text_encoding == "base64" and ngx.encode_base64(framed) or framed
end


return deco
