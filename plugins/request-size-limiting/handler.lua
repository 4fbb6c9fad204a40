-- Keeps out requests whose body is larger than allowed.
local meta = require "kong.meta"

local kong = kong
local ngx = ngx
local tonumber = tonumber


local RequestSizeLimiting = {
  PRIORITY = 951,
  VERSION = meta.version,
  size_units = { "megabytes", "kilobytes", "bytes" },
  unit_multiplication_factor = { bytes = 1, kilobytes = 1024, megabytes = 1048576 },
}


local FACTORS = RequestSizeLimiting.unit_multiplication_factor


local function refuse()
  local expect = kong.request.get_header("expect")
  if expect and expect:lower():match("^%s*(.-)%s*$") == "100-continue" then
    return kong.response.error(417, "Request size limit exceeded")
  end
  return kong.response.error(413, "Request size limit exceeded")
end


-- The length of a body that did not fit into memory.
local function spooled_length()
  local path = ngx.req.get_body_file()
  local file = path and io.open(path, "rb")
  if not file then
    return nil
  end
  local length = file:seek("end")
  file:close()
  return length
end


local function body_length()
  local body = kong.request.get_raw_body()
  return body and #body or spooled_length()
end


function RequestSizeLimiting:access(conf)
  local allowed = conf.allowed_payload_size * FACTORS[conf.size_unit]
  local length = tonumber(kong.request.get_header("content-length"))
  if not length then
    if conf.require_content_length and kong.request.get_header("transfer-encoding") ~= "chunked" then
      return kong.response.error(411, "A valid Content-Length header is required")
    end
    length = body_length()
    if not length then
      kong.log.warn("missing request body")
      return
    end
  end
  if length > allowed then
    return refuse()
  end
end


return RequestSizeLimiting
