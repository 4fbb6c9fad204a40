-- Puts spans into the plugin's queue and sends them, as Zipkin's version 2 JSON.
local Queue = require "kong.tools.queue"
local cjson = require("cjson").new()
local http = require "resty.http"
local to_hex = require("resty.string").to_hex

local find = string.find
local kong = kong
local next = next
local tostring = tostring

-- Enough digits for microseconds since 1970.
cjson.encode_number_precision(16)

local reporter = {}


-- Called by the queue: true, or nil and an error after which the batch is tried again.
local function send(conf, spans)
  if not conf.http_endpoint then
    return true
  end
  kong.log.debug("zipkin batch size: ", #spans)
  local client = http.new()
  client:set_timeouts(conf.connect_timeout, conf.send_timeout, conf.read_timeout)
  local res, err = client:request_uri(conf.http_endpoint, {
    method = "POST",
    headers = { ["content-type"] = "application/json" },
    body = cjson.encode(spans),
  })
  if not res then
    return nil, "zipkin request failed: " .. err
  end
  if res.status < 200 or res.status >= 300 then
    return nil, "zipkin server responded unexpectedly: " .. res.status .. " " .. tostring(res.reason)
  end
  return true
end


-- Zipkin takes strings only, and no empty ones.
local function tags_of(span)
  local tags = {}
  for name, value in span:each_tag() do
    if value ~= "" then
      tags[name] = tostring(value)
    end
  end
  return next(tags) and tags or nil
end


local function remote_of(span, default_name)
  local name = span.service_name or default_name
  if not name and not span.port then
    return cjson.null
  end
  local remote = { serviceName = name, port = span.port }
  if span.ip then
    remote[find(span.ip, ":", 1, true) and "ipv6" or "ipv4"] = span.ip
  end
  return remote
end


-- A finished span, if its trace is sampled.
function reporter.report(conf, span)
  if not span.should_sample then
    return
  end
  local ok, err = Queue.enqueue(Queue.get_plugin_params("zipkin", conf), send, conf, {
    traceId = to_hex(span.trace_id),
    id = to_hex(span.span_id),
    parentId = span.parent_id and to_hex(span.parent_id),
    kind = span.kind,
    name = span.name,
    timestamp = span.timestamp,
    duration = span.duration,
    localEndpoint = { serviceName = conf.local_service_name },
    remoteEndpoint = remote_of(span, conf.default_service_name),
    tags = tags_of(span),
    annotations = span.annotations,
  })
  if not ok then
    kong.log.err("failed to enqueue span: ", err)
  end
end


return reporter
