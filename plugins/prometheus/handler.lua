-- Counts requests for Prometheus.
local exporter = require "kong.plugins.prometheus.exporter"
local meta = require "kong.meta"


exporter.init()


local Prometheus = {
  PRIORITY = 13,
  VERSION = meta.version,
}


function Prometheus:init_worker()
  exporter.init_worker()
end


function Prometheus:configure(configs)
  exporter.configure(configs)
  local wants_health = false
  for _, conf in ipairs(configs or {}) do
    wants_health = wants_health or conf.upstream_health_metrics
  end
  exporter.set_export_upstream_health_metrics(wants_health)
end


function Prometheus:log(conf)
  exporter.log(conf)
end


return Prometheus
