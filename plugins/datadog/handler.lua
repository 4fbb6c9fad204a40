-- Sends metrics of requests to a Datadog agent.
local Queue = require "kong.tools.queue"
local meta = require "kong.meta"
local statsd_logger = require "kong.plugins.statsd.statsd_logger"

local kong = kong


local Datadog = {
  PRIORITY = 10,
  VERSION = meta.version,
}


local NAMES = {
  request_size = "request.size",
  response_size = "response.size",
  latency = "latency",
  upstream_latency = "upstream_latency",
  kong_latency = "kong_latency",
  request_count = "request.count",
}


local function value_of(name, entry)
  if name == "request_size" then
    return entry.request and entry.request.size
  elseif name == "response_size" then
    return entry.response and entry.response.size
  elseif name == "latency" then
    return entry.latencies.request
  elseif name == "upstream_latency" then
    return entry.latencies.proxy
  elseif name == "kong_latency" then
    return entry.latencies.kong
  end
  return 1
end


local function consumer_of(entry, identifier)
  local consumer = entry.consumer
  if not consumer or not identifier then
    return nil
  elseif identifier == "consumer_id" then
    return (consumer.id:gsub("-", "_"))
  end
  return consumer[identifier]
end


local function tags_of(conf, metric, entry)
  local service = entry.service
  local name = service and (service.name or service.host):gsub("%.", "_") or ""
  local status = entry.response and entry.response.status or "-"
  local tags = {
    (conf.service_name_tag or "name") .. ":" .. name,
    (conf.status_tag or "status") .. ":" .. status,
  }
  local consumer = consumer_of(entry, metric.consumer_identifier)
  if consumer then
    tags[#tags + 1] = (conf.consumer_tag or "consumer") .. ":" .. consumer
  end
  for _, tag in ipairs(metric.tags or {}) do
    tags[#tags + 1] = tag
  end
  return tags
end


-- Where the agent is: the configuration, or the environment.
local function agent_of(conf)
  return {
    host = conf.host or os.getenv("KONG_DATADOG_AGENT_HOST"),
    port = conf.port or tonumber(os.getenv("KONG_DATADOG_AGENT_PORT") or ""),
  }
end


local function send(conf, entries)
  local logger, err = statsd_logger.new(agent_of(conf), conf.prefix or "kong")
  if not logger then
    kong.log.err("failed to create Statsd logger: ", err)
    return false, err
  end
  for _, entry in ipairs(entries) do
    for _, metric in ipairs(conf.metrics) do
      logger:send(NAMES[metric.name], value_of(metric.name, entry), logger.stat_types[metric.stat_type],
                  metric.sample_rate, tags_of(conf, metric, entry))
    end
  end
  logger:close()
  return true
end


function Datadog:log(conf)
  local ok, err = Queue.enqueue(Queue.get_plugin_params("datadog", conf), send, conf, kong.log.serialize())
  if not ok then
    kong.log.err("failed to enqueue log entry to Datadog: ", err)
  end
end


return Datadog
