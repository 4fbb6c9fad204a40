-- require "resty.kong.grpc": the authority that a gRPC upstream sees.
local proxy = require "ngx.proxy"

local Grpc = {}


--- true, or nil, err.
function Grpc.set_authority(authority)
  if type(authority) ~= "string" then
    error("authority must be a string", 2)
  end
  local scheme = ngx.var.upstream_scheme
  proxy.set_host(scheme == "grpcs" or scheme == "https", authority)
  return true
end


return Grpc
