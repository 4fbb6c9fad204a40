-- Sends metrics of requests to a StatsD server.
local Queue = require "kong.tools.queue"
local meta = require "kong.meta"
local metrics = require "kong.plugins.statsd.metrics"
local statsd_logger = require "kong.plugins.statsd.statsd_logger"

local kong = kong
local ngx = ngx


local Statsd = {
  PRIORITY = 11,
  VERSION = meta.version,
}


local function is_counted(ranges, status)
  if not ranges then
    return true
  end
  for i = 1, #ranges do
    local from, to = ranges[i]:match("^(%d+)-(%d+)$")
    if from and status >= tonumber(from) and status <= tonumber(to) then
      return true
    end
  end
  return false
end


local function send(conf, entries)
  local prefix = conf.prefix
  if conf.hostname_in_prefix and not conf.tag_style then
    prefix = prefix .. ".node." .. metrics.hostname()
  end
  local logger, err = statsd_logger.new(conf, prefix)
  if not logger then
    kong.log.err("failed to create Statsd logger: ", err)
    return false, err
  end
  for _, entry in ipairs(entries) do
    for _, metric in ipairs(conf.metrics) do
      metrics.send(logger, metric, entry, conf)
    end
  end
  logger:close()
  return true
end


function Statsd:log(conf)
  if not is_counted(conf.allow_status_codes, ngx.status) then
    return
  end
  local ok, err = Queue.enqueue(Queue.get_plugin_params("statsd", conf), send, conf, kong.log.serialize())
  if not ok then
    kong.log.err("Failed to enqueue log entry to StatsD server: ", err)
  end
end


return Statsd
