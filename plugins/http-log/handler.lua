-- Sends log entries to an HTTP server, in batches and with retries.
local Queue = require "kong.tools.queue"
local cjson = require "cjson"
local custom_fields = require "kong.tools.custom_fields"
local http = require "resty.http"
local meta = require "kong.meta"
local url = require "socket.url"

local kong = kong
local ngx = ngx
local concat = table.concat
local fmt = string.format


local HttpLog = {
  PRIORITY = 12,
  VERSION = meta.version,
}


-- What a configuration says about the server: {uri =, host =, port =, headers =, queue_name =}.
local targets = setmetatable({}, { __mode = "k" })

local function target_of(conf)
  local target = targets[conf]
  if target then
    return target
  end
  local parts = url.parse(conf.http_endpoint)
  local port = tonumber(parts.port) or (parts.scheme == "https" and 443 or 80)
  local headers = {}
  for name, value in pairs(conf.headers or {}) do
    headers[name] = value
  end
  headers["Content-Type"] = conf.content_type
  if parts.userinfo then
    headers.Authorization = "Basic " .. ngx.encode_base64(parts.userinfo)
  end
  target = {
    uri = fmt("%s://%s:%d%s", parts.scheme, parts.host, port, parts.path or "/"),
    host = parts.host,
    port = port,
    headers = headers,
    -- Instances that send to the same server in the same way share a queue.
    queue_name = fmt("%s:%s:%s:%s:%s:%s", conf.http_endpoint, conf.method, conf.content_type, conf.timeout,
                     conf.keepalive, conf.retry_count),
  }
  targets[conf] = target
  return target
end


-- Called by the queue: true, or nil and an error after which the batch is tried again.
local function send(conf, entries)
  local target = target_of(conf)
  local body = entries[1]
  if conf.queue.max_batch_size > 1 then
    body = "[" .. concat(entries, ",") .. "]"
  end

  local client = http.new()
  client:set_timeout(conf.timeout)
  local res, err = client:request_uri(target.uri, {
    method = conf.method,
    headers = target.headers,
    body = body,
    keepalive_timeout = conf.keepalive,
    ssl_verify = false,
  })
  if not res then
    return nil, fmt("failed request to %s:%s: %s", target.host, target.port, err)
  end
  kong.log.debug(fmt("http-log sent data log server, %s:%s HTTP status %d", target.host, target.port, res.status))
  if res.status >= 300 then
    return nil, fmt("request to %s:%s returned status code %s and body %s", target.host, target.port, res.status,
                    res.body)
  end
  return true
end


function HttpLog:log(conf)
  custom_fields.set(conf.custom_fields_by_lua)
  local params = Queue.get_plugin_params("http-log", conf, target_of(conf).queue_name)
  local ok, err = Queue.enqueue(params, send, conf, cjson.encode(kong.log.serialize()))
  if not ok then
    kong.log.err("Failed to enqueue log entry to log server: ", err)
  end
end


return HttpLog
