-- Sends encoded batches to an OpenTelemetry collector over HTTP.
local http = require "resty.http"

local kong = kong
local pairs = pairs
local setmetatable = setmetatable
local tostring = tostring

local CONTENT_TYPE = "Content-Type"

local export = {}

-- Headers to send, by configuration.
local headers_of = setmetatable({}, { __mode = "k" })


local function headers_for(conf)
  local headers = headers_of[conf]
  if not headers then
    headers = { [CONTENT_TYPE] = "application/x-protobuf" }
    for name, value in pairs(conf.headers or {}) do
      headers[name] = value
    end
    headers_of[conf] = headers
  end
  return headers
end


-- Returns true, or false and an error after which the queue tries again.
function export.send(conf, endpoint, payload)
  local client = http.new()
  client:set_timeouts(conf.connect_timeout, conf.send_timeout, conf.read_timeout)
  local res, err = client:request_uri(endpoint, { method = "POST", body = payload, headers = headers_for(conf) })
  if not res then
    err = "failed to send request: " .. tostring(err)
  elseif res.status ~= 200 then
    err = "response error: " .. res.status .. ", body: " .. tostring(res.body)
  else
    return true
  end
  kong.log.err(err)
  return false, err
end


return export
