-- The gateway's metrics: what is counted per request, and what is looked up when somebody scrapes.
-- Used by the handler and the /metrics endpoints.
local prometheus_class = require "kong.plugins.prometheus.prometheus"

local kong = kong
local ngx = ngx
local tonumber = tonumber

local exporter = {}

local KONG_LATENCY_BUCKETS = { 1, 2, 5, 7, 10, 15, 20, 30, 50, 75, 100, 200, 500, 750, 1000, 3000, 6000 }
local UPSTREAM_LATENCY_BUCKETS = { 25, 50, 80, 100, 250, 400, 700, 1000, 2000, 5000, 10000, 30000, 60000 }
local STATES = { "healthchecks_off", "healthy", "unhealthy", "dns_error" }

local SUBSYSTEM = "http"

local prometheus
local metrics = {}
local is_enabled = false
local wants_health = false

-- Label values, filled anew for every request.
local status_labels = { "", "", "", "", "", "" }
local latency_labels = { "", "", "" }
local bandwidth_labels = { "", "", "", "", "" }


local function define_node_metrics()
  local is_local = prometheus_class.LOCAL_STORAGE
  local function gauge(name, help, labels)
    return prometheus:gauge(name, help, labels, is_local)
  end
  metrics.connections = gauge("nginx_connections_total", "Number of connections by subsystem",
                              { "node_id", "subsystem", "state" })
  metrics.requests = gauge("nginx_requests_total", "Number of requests total", { "node_id", "subsystem" })
  metrics.timers = gauge("nginx_timers", "Number of nginx timers", { "state" })
  metrics.db_reachable = gauge("datastore_reachable", "Datastore reachable from Kong, 0 is unreachable")
  metrics.node_info = gauge("node_info", "Kong Node metadata information", { "node_id", "version" })
  metrics.target_health = gauge("upstream_target_health", "Health status of targets of upstream. States = "
                                .. "healthchecks_off|healthy|unhealthy|dns_error, value is 1 when state is populated.",
                                { "upstream", "target", "address", "state", "subsystem" })
  metrics.worker_vms = gauge("memory_workers_lua_vms_bytes", "Allocated bytes in worker Lua VM",
                             { "node_id", "pid", "kong_subsystem" })
  metrics.dict_used = gauge("memory_lua_shared_dict_bytes", "Allocated slabs in bytes in a shared_dict",
                            { "node_id", "shared_dict", "kong_subsystem" })
  metrics.dict_capacity = gauge("memory_lua_shared_dict_total_bytes", "Total capacity in bytes of a shared_dict",
                                { "node_id", "shared_dict", "kong_subsystem" })
end


local function define_request_metrics()
  metrics.status = prometheus:counter("http_requests_total", "HTTP status codes per consumer/service/route in Kong",
                                      { "service", "route", "code", "source", "workspace", "consumer" })
  local labels = { "service", "route", "workspace" }
  metrics.kong_latency = prometheus:histogram("kong_latency_ms", "Latency added by Kong and enabled plugins for each "
                                              .. "service/route in Kong", labels, KONG_LATENCY_BUCKETS)
  metrics.upstream_latency = prometheus:histogram("upstream_latency_ms", "Latency added by upstream response for each "
                                                  .. "service/route in Kong", labels, UPSTREAM_LATENCY_BUCKETS)
  metrics.total_latency = prometheus:histogram("request_latency_ms", "Total latency incurred during requests for each "
                                               .. "service/route in Kong", labels, UPSTREAM_LATENCY_BUCKETS)
  metrics.bandwidth = prometheus:counter("bandwidth_bytes", "Total bandwidth (ingress/egress) throughput in bytes",
                                         { "service", "route", "direction", "workspace", "consumer" })
end


-- The link of a data plane to its control plane: read when they are asked for, so that a rotated certificate counts.
local function define_link_metrics()
  local is_local = prometheus_class.LOCAL_STORAGE
  metrics.certificate_expiry = prometheus:gauge("data_plane_cluster_cert_expiry_timestamp",
                                                "Unix timestamp of Data Plane's cluster_cert expiry time", nil, is_local)
  metrics.link_up = prometheus:gauge("control_plane_connected", "Whether the data plane is connected to its control plane", nil, is_local)
  metrics.link_failures = prometheus:gauge("control_plane_link_failures_total", "Failures of the link to the control plane by stage",
                                           { "stage" }, is_local)
  metrics.configurations = prometheus:gauge("data_plane_configurations_total", "Configurations taken from the control plane by result",
                                            { "result" }, is_local)
end


local function set_link_metrics()
  local link = require("kong.clustering.metrics").read()
  metrics.link_up:set(link.connected or 0)
  for stage, count in pairs(link.failures) do
    metrics.link_failures:set(count, { stage })
  end
  metrics.configurations:set(link.applied or 0, { "applied" })
  metrics.configurations:set(link.rejected or 0, { "rejected" })
  local pem = require("kong.clustering.identity").certificate(kong.configuration)
  local certificate = pem and require("resty.openssl.x509").new(pem)
  local expires = certificate and certificate:get_not_after()
  if expires then
    metrics.certificate_expiry:set(expires)
  end
end


function exporter.init()
  if not ngx.shared.prometheus_metrics then
    kong.log.err("prometheus: ngx shared dict 'prometheus_metrics' not found")
    return
  end
  prometheus = prometheus_class.init("prometheus_metrics", "kong_")
  define_node_metrics()
  define_request_metrics()
  if kong.configuration.role == "data_plane" then
    define_link_metrics()
  end
end


function exporter.init_worker()
  if prometheus then
    prometheus:init_worker()
  end
end


-- configs: of all instances, nil when there is none.
function exporter.configure(configs)
  is_enabled = configs ~= nil
end


function exporter.set_export_upstream_health_metrics(wanted)
  wants_health = wanted
end


local function count_status(conf, service, route, workspace, consumer)
  local labels = status_labels
  labels[1], labels[2], labels[3] = service, route, ngx.status
  labels[4] = kong.response.get_source() == "service" and "service" or "kong"
  labels[5], labels[6] = workspace, conf.per_consumer and consumer or ""
  metrics.status:inc(1, labels)
end


local function count_bandwidth(conf, service, route, workspace, consumer)
  local labels = bandwidth_labels
  labels[1], labels[2], labels[4], labels[5] = service, route, workspace, conf.per_consumer and consumer or ""
  local ingress, egress = tonumber(ngx.var.request_length), tonumber(ngx.var.bytes_sent)
  if ingress and ingress > 0 then
    labels[3] = "ingress"
    metrics.bandwidth:inc(ingress, labels)
  end
  if egress and egress > 0 then
    labels[3] = "egress"
    metrics.bandwidth:inc(egress, labels)
  end
end


local function observe_latencies(ctx, service, route, workspace)
  local labels = latency_labels
  labels[1], labels[2], labels[3] = service, route, workspace
  local total = tonumber(ngx.var.request_time)
  if total and total >= 0 then
    metrics.total_latency:observe(total * 1000, labels)
  end
  local upstream = ctx.KONG_WAITING_TIME
  if upstream and upstream >= 0 then
    metrics.upstream_latency:observe(upstream, labels)
  end
  local own = ctx.KONG_PROXY_LATENCY or ctx.KONG_RESPONSE_LATENCY or 0
  if own >= 0 then
    metrics.kong_latency:observe(own, labels)
  end
end


-- Counts the running request; requests without a route are not counted.
function exporter.log(conf)
  local route = kong.router.get_route()
  if not prometheus or not route then
    return
  end
  local service = kong.router.get_service()
  local consumer = conf.per_consumer and kong.client.get_consumer()
  local service_name = service and (service.name or service.host) or ""
  local route_name = route.name or route.id
  local consumer_name = consumer and consumer.username or ""
  local workspace = "default"
  if conf.bandwidth_metrics then
    count_bandwidth(conf, service_name, route_name, workspace, consumer_name)
  end
  if conf.status_code_metrics then
    count_status(conf, service_name, route_name, workspace, consumer_name)
  end
  if conf.latency_metrics then
    observe_latencies(ngx.ctx, service_name, route_name, workspace)
  end
end


local function set_server_metrics(node_id)
  local stats = kong.nginx.get_statistics()
  for _, state in ipairs { "accepted", "handled", "active", "reading", "writing", "waiting" } do
    metrics.connections:set(stats["connections_" .. state] or 0, { node_id, SUBSYSTEM, state })
  end
  metrics.connections:set(stats.total_requests or 0, { node_id, SUBSYSTEM, "total" })
  metrics.requests:set(stats.total_requests or 0, { node_id, SUBSYSTEM })
  metrics.timers:set(ngx.timer.running_count(), { "running" })
  metrics.timers:set(ngx.timer.pending_count(), { "pending" })
  metrics.node_info:set(1, { node_id, kong.version })
  -- There is no database that could be out of reach.
  metrics.db_reachable:set(1, {})
end


local function set_memory_metrics(node_id)
  local stats = kong.node.get_memory_stats()
  for name, dict in pairs(stats.lua_shared_dicts) do
    metrics.dict_capacity:set(dict.capacity, { node_id, name, SUBSYSTEM })
    metrics.dict_used:set(dict.allocated_slabs, { node_id, name, SUBSYSTEM })
  end
  for _, vm in ipairs(stats.workers_lua_vms) do
    if vm.http_allocated_gc then
      metrics.worker_vms:set(vm.http_allocated_gc, { node_id, vm.pid, SUBSYSTEM })
    end
  end
end


local function set_target_state(upstream, target, address, current)
  for _, state in ipairs(STATES) do
    metrics.target_health:set(state == current and 1 or 0, { upstream, target, address, state, SUBSYSTEM })
  end
end


local function set_health_metrics()
  metrics.target_health:reset()
  local balancer = require "kong.balancer"
  for upstream in kong.db.upstreams:each() do
    for target, health in pairs(balancer.get_upstream_health(upstream.id) or {}) do
      local addresses = health.data and health.data.addresses or {}
      for _, address in ipairs(addresses) do
        set_target_state(upstream.name, target, address.ip .. ":" .. address.port, address.health:lower())
      end
      if #addresses == 0 then
        set_target_state(upstream.name, target, "", "dns_error")
      end
    end
  end
end


-- Writes everything through write_fn(text), ngx.print when there is none.
function exporter.metric_data(write_fn)
  if not prometheus then
    kong.log.err("prometheus: plugin is not initialized, please make sure 'prometheus_metrics' shared dict is present")
    return kong.response.exit(500, { message = "An unexpected error occurred" })
  end
  local node_id = kong.node.get_id()
  set_server_metrics(node_id)
  set_memory_metrics(node_id)
  if metrics.link_up then
    set_link_metrics()
  end
  if wants_health then
    set_health_metrics()
  end
  prometheus:metric_data(write_fn, not is_enabled)
end


function exporter.collect()
  ngx.header["Content-Type"] = "text/plain; charset=UTF-8"
  exporter.metric_data()
end


function exporter.get_prometheus()
  return prometheus
end


return exporter
