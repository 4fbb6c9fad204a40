-- Gives every request an identifier that the upstream, the logs and the client can share.
local meta = require "kong.meta"
local uuid = require("kong.tools.uuid").uuid

local kong = kong
local ngx = ngx
local fmt = string.format


local CorrelationId = {
  PRIORITY = 100001,
  VERSION = meta.version,
}


local worker_uuid, count
local worker_pid = ngx.worker.pid()


local generators = {
  uuid = uuid,
}


generators["uuid#counter"] = function()
  worker_uuid = worker_uuid or uuid()
  count = (count or 0) + 1
  return worker_uuid .. "#" .. count
end


-- Where and when: address and port of the listener, process, connection, request on it, time.
function generators.tracker()
  local var = ngx.var
  return fmt("%s-%s-%d-%s-%s-%0.3f", var.server_addr, var.server_port, worker_pid, var.connection,
             var.connection_requests, ngx.now())
end


function CorrelationId:init_worker()
  worker_pid = ngx.worker.pid()
  worker_uuid, count = uuid(), 0
end


function CorrelationId:access(conf)
  local name = conf.header_name
  local id = kong.request.get_header(name)
  if not id or id == "" then
    id = generators[conf.generator]()
    kong.service.request.set_header(name, id)
  end
  kong.log.set_serialize_value("correlation_id", id)
  if conf.echo_downstream then
    kong.ctx.plugin.correlation_id = id
  end
end


function CorrelationId:header_filter(conf)
  if not conf.echo_downstream then
    return
  end
  -- A request that never reached the access phase has none yet.
  local id = kong.ctx.plugin.correlation_id or kong.request.get_header(conf.header_name)
  if not id or id == "" then
    id = generators[conf.generator]()
  end
  kong.response.set_header(conf.header_name, id)
end


return CorrelationId
