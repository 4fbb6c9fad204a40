-- Counters of the cluster policy: never used without a database, but part of the declarative format.
local function id()
  return { type = "string", uuid = true, required = true }
end


return {
  {
    name = "ratelimiting_metrics",
    primary_key = { "identifier", "period", "period_date", "service_id", "route_id" },
    generate_admin_api = false,
    ttl = true,
    db_export = false,
    fields = {
      { identifier = { type = "string", required = true, len_min = 0 } },
      { period = { type = "string", required = true } },
      { period_date = { type = "integer", timestamp = true, required = true } },
      { service_id = id() },
      { route_id = id() },
      { value = { type = "integer", required = true } },
    },
  },
}
