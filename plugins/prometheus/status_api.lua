local exporter = require "kong.plugins.prometheus.exporter"


return {
  ["/metrics"] = {
    GET = function()
      exporter.collect()
    end,
  },
}
