-- What is sent for a log entry: names of metrics, and the tags that say what they belong to.
local ngx = ngx
local fmt = string.format

local metrics = {}

-- Shared dictionaries are reported once a minute, by one worker.
local SHDICT_INTERVAL_S = 60
local shdict_sent_at = 0


local function dashes_to_underscores(text)
  return text and text:gsub("-", "_")
end


local consumers = {
  consumer_id = function(consumer)
    return (dashes_to_underscores(consumer.id))
  end,
  custom_id = function(consumer)
    return consumer.custom_id
  end,
  username = function(consumer)
    return consumer.username
  end,
}


local services = {
  service_id = function(service)
    return service.id
  end,
  service_name = function(service)
    return service.name
  end,
  service_host = function(service)
    return service.host
  end,
  service_name_or_host = function(service)
    return service.name or service.host
  end,
}


local function consumer_of(entry, metric, conf)
  local name = metric.consumer_identifier or conf.consumer_identifier_default
  return entry.consumer and consumers[name](entry.consumer)
end


local function service_of(entry, metric, conf)
  local name = metric.service_identifier or conf.service_identifier_default
  return entry.service and services[name](entry.service)
end


local function workspace_of(entry, metric, conf)
  local name = metric.workspace_identifier or conf.workspace_identifier_default
  return name == "workspace_name" and entry.workspace_name or entry.workspace
end


-- "service.<name>", or "global.unmatched" for requests that met no service.
local function scope_of(entry, metric, conf)
  if not entry.service then
    return "global.unmatched"
  end
  local name = service_of(entry, metric, conf) or "unnamed"
  return "service." .. name:gsub("%.", "_")
end


local function tags_of(entry, metric, conf)
  local service = service_of(entry, metric, conf)
  if not service then
    return nil
  end
  return {
    service = service,
    route = entry.route and (entry.route.name or entry.route.id),
    workspace = workspace_of(entry, metric, conf),
    consumer = consumer_of(entry, metric, conf),
    node = metrics.hostname(),
    status = entry.response and entry.response.status,
  }
end


function metrics.hostname()
  return (kong.node.get_hostname():gsub("%.", "_"))
end


local plain = {
  request_size = { "request.size", function(entry)
    return entry.request and entry.request.size
  end },
  response_size = { "response.size", function(entry)
    return entry.response and entry.response.size
  end },
  latency = { "latency", function(entry)
    return entry.latencies.request
  end },
  upstream_latency = { "upstream_latency", function(entry)
    return entry.latencies.proxy
  end },
  kong_latency = { "kong_latency", function(entry)
    return entry.latencies.kong
  end },
  request_count = { "request.count", function()
    return 1
  end },
}


-- Metrics whose names are made of what the request belongs to; they are not sent where tags say that.
local scoped = {}


function scoped.unique_users(scope, entry, metric, conf)
  local consumer = consumer_of(entry, metric, conf)
  if consumer then
    return scope .. ".user.uniques", consumer, "set"
  end
end


function scoped.request_per_user(scope, entry, metric, conf)
  local consumer = consumer_of(entry, metric, conf)
  if consumer then
    return fmt("%s.user.%s.request.count", scope, consumer), 1, "counter"
  end
end


function scoped.status_count(scope, entry)
  return fmt("%s.status.%s", scope, entry.response.status), 1, "counter"
end


function scoped.status_count_per_user(scope, entry, metric, conf)
  local consumer = consumer_of(entry, metric, conf)
  if consumer then
    return fmt("%s.user.%s.status.%s", scope, consumer, entry.response.status), 1, "counter"
  end
end


function scoped.status_count_per_workspace(scope, entry, metric, conf)
  local workspace = workspace_of(entry, metric, conf)
  if workspace then
    return fmt("%s.workspace.%s.status.%s", scope, workspace, entry.response.status), 1, "counter"
  end
end


function scoped.status_count_per_user_per_route(_, entry, metric, conf)
  local consumer = consumer_of(entry, metric, conf)
  if consumer and entry.route and entry.route.id then
    return fmt("route.%s.user.%s.status.%s", entry.route.id, consumer, entry.response.status), 1, "counter"
  end
end


local function send_shdict(logger, metric, conf, name, what, value)
  if conf.tag_style then
    logger:send("shdict." .. what, value, logger.stat_types.gauge, metric.sample_rate,
                { node = metrics.hostname(), shdict = name }, conf.tag_style)
    return
  end
  local stat = fmt("shdict.%s.%s", name, what)
  if not conf.hostname_in_prefix then
    stat = "node." .. metrics.hostname() .. "." .. stat
  end
  logger:send(stat, value, logger.stat_types.gauge, metric.sample_rate)
end


local function send_shdicts(logger, metric, conf)
  if ngx.worker.id() ~= 0 or ngx.time() - shdict_sent_at < SHDICT_INTERVAL_S then
    return
  end
  shdict_sent_at = ngx.time()
  for name, dict in pairs(ngx.shared) do
    send_shdict(logger, metric, conf, name, "free_space", dict:free_space())
    send_shdict(logger, metric, conf, name, "capacity", dict:capacity())
  end
end


-- Sends one configured metric of an entry.
function metrics.send(logger, metric, entry, conf)
  if metric.name == "shdict_usage" then
    return send_shdicts(logger, metric, conf)
  end
  local build = scoped[metric.name]
  if build then
    if conf.tag_style then
      return
    end
    local stat, value, kind = build(scope_of(entry, metric, conf), entry, metric, conf)
    if stat then
      logger:send(stat, value, logger.stat_types[kind], kind ~= "set" and metric.sample_rate or nil)
    end
    return
  end

  local stat = plain[metric.name][1]
  local value = plain[metric.name][2](entry)
  if value == nil or value == -1 then
    return
  end
  local kind = logger.stat_types[metric.stat_type]
  if conf.tag_style then
    logger:send(stat, value, kind, metric.sample_rate, tags_of(entry, metric, conf), conf.tag_style)
  else
    logger:send(scope_of(entry, metric, conf) .. "." .. stat, value, kind, metric.sample_rate)
  end
end


return metrics
