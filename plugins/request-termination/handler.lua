-- Ends a request with a fixed answer, or with a description of the request.
local meta = require "kong.meta"

local kong = kong
local ngx = ngx


local MESSAGES = {
  [401] = "Unauthorized",
  [404] = "Not found",
  [405] = "Method not allowed",
  [500] = "An unexpected error occurred",
  [502] = "Bad Gateway",
  [503] = "Service unavailable",
}


local RequestTermination = {
  PRIORITY = 2,
  VERSION = meta.version,
}


local function describe_request(message, headers, query)
  local request = kong.request
  return {
    message = message,
    kong = {
      node_id = kong.node.get_id(),
      worker_pid = ngx.worker.pid(),
      hostname = kong.node.get_hostname(),
    },
    request = {
      scheme = request.get_scheme(),
      host = request.get_host(),
      port = request.get_port(),
      headers = headers,
      query = query,
      body = (request.get_body()),
      raw_body = (request.get_raw_body()),
      method = request.get_method(),
      path = request.get_path(),
      uri_captures = request.get_uri_captures(),
    },
    matched_route = kong.router.get_route(),
    matched_service = kong.router.get_service(),
  }
end


function RequestTermination:access(conf)
  local status = conf.status_code
  local message = conf.message or MESSAGES[status]

  if conf.trigger or conf.echo then
    local headers = kong.request.get_headers()
    local query = kong.request.get_query()
    if conf.trigger and not headers[conf.trigger] and not query[conf.trigger] then
      return
    end
    if conf.echo then
      return kong.response.exit(status, describe_request(message, headers, query))
    end
  end

  if conf.body then
    return kong.response.exit(status, conf.body, { ["Content-Type"] = conf.content_type })
  end
  return kong.response.exit(status, message and { message = message })
end


return RequestTermination
