local typedefs = require "kong.db.schema.typedefs"


local function flag(description)
  return { type = "boolean", default = false, description = description }
end


local function check_dictionary()
  if not ngx.shared.prometheus_metrics then
    return nil, "ngx shared dict 'prometheus_metrics' not found"
  end
  return true
end


return {
  name = "prometheus",
  fields = {
    { protocols = typedefs.protocols },
    { config = {
      type = "record",
      fields = {
        { per_consumer = flag("Counts by consumer too.") },
        { status_code_metrics = flag("Counts requests by status.") },
        { ai_metrics = flag("Counts requests to language models.") },
        { latency_metrics = flag("Measures latencies.") },
        { bandwidth_metrics = flag("Counts bytes.") },
        { upstream_health_metrics = flag("Tells the health of targets.") },
      },
      custom_validator = check_dictionary,
    } },
  },
}
