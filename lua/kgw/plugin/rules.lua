-- What `kgw plugin check` knows beyond the API itself: phases of handlers, what newer Kong versions dropped and what took its
-- place, libraries that wait for the network, calls that stop a worker.
local rules = {}

--- Phases a handler may have.
rules.PHASES = {
  init_worker = true, configure = true, certificate = true, rewrite = true, access = true, response = true, header_filter = true,
  body_filter = true, log = true, preread = true, ws_handshake = true, ws_client_frame = true, ws_upstream_frame = true, ws_close = true,
}

--- Names people take for phases; value: what to use.
rules.NOT_PHASES = {
  new = "handlers are plain tables since Kong 3.0: there is nothing to construct",
  content = "end the request in access with kong.response.exit",
  init = "put it at the top level of the file, or into init_worker",
  balancer = "use kong.service.set_target in access",
  exit_worker = "test ngx.worker.exiting() in the timer",
  ssl_certificate = "the phase is called certificate",
  header = "the phase is called header_filter",
  body = "the phase is called body_filter",
}

--- Phases that cannot wait.
rules.UNYIELDABLE = { header_filter = true, body_filter = true, log = true, init_worker = true }

--- Modules that are gone; value: what to use.
rules.REMOVED_MODULES = {
  ["kong.plugins.base_plugin"] = "return a plain table with VERSION, PRIORITY and one function per phase; no :extend(), no super calls",
  ["kong.singletons"] = "use the global kong: kong.db, kong.cache, kong.configuration",
  ["kong.tools.responses"] = "use kong.response.exit(status, body, headers)",
  ["kong.tools.batch_queue"] = "use kong.tools.queue",
  ["kong.tools.public"] = "use kong.request.get_body() and kong.request.get_query()",
  ["kong.dao.errors"] = "use what kong.db.<entity> functions return: value, err, err_t",
  ["kong.dao.factory"] = "use kong.db",
  ["kong.api.crud_helpers"] = "use kong.api.endpoints",
  ["kong.core.error_handlers"] = "use kong.response.error",
  ["kong.tools.timestamp_utils"] = "use kong.tools.timestamp",
}

--- Modules that still answer but should not be used in new code.
rules.OLD_MODULES = {
  ["kong.tools.utils"] = "require the module that has the function: kong.tools.string, .table, .uuid, .rand, .time, .ip or .http",
}

--- Names below kong that are gone or never were.
rules.REMOVED = {
  ["kong.dao"] = "kong.db",
  ["kong.singletons"] = "kong",
  ["kong.request.get_uri_args"] = "kong.request.get_query",
  ["kong.request.get_uri"] = "kong.request.get_path",
  ["kong.request.get_post_args"] = "kong.request.get_body",
  ["kong.request.get_raw_uri"] = "kong.request.get_raw_path",
  ["kong.request.set_header"] = "kong.service.request.set_header",
  ["kong.request.clear_header"] = "kong.service.request.clear_header",
  ["kong.response.get_body"] = "kong.response.get_raw_body in body_filter, or kong.service.response.get_body in response",
  ["kong.response.send"] = "kong.response.exit",
  ["kong.response.set_body"] = "kong.response.set_raw_body in body_filter",
  ["kong.response.set_raw_header"] = "kong.response.set_header",
  ["kong.service.request.set_uri"] = "kong.service.request.set_path",
  ["kong.upstream"] = "kong.service",
  ["kong.log.error"] = "kong.log.err",
  ["kong.log.warning"] = "kong.log.warn",
  ["kong.log.trace"] = "kong.log.debug",
  ["kong.log.critical"] = "kong.log.crit",
  ["kong.client.authenticate_consumer_group_by_consumer_id"] = "an Enterprise function: there are no consumer groups here",
  ["kong.client.get_consumer_groups"] = "an Enterprise function: there are no consumer groups here",
  ["kong.client.get_consumer_group"] = "an Enterprise function: there are no consumer groups here",
  ["kong.ctx.core"] = "ngx.ctx",
}

--- Libraries whose objects talk over the network.
rules.NETWORK_MODULES = {
  ["resty.http"] = true, ["resty.redis"] = true, ["resty.mysql"] = true, ["resty.memcached"] = true, ["resty.dns.resolver"] = true,
  ["resty.websocket.client"] = true, ["resty.kafka.producer"] = true, ["resty.lock"] = true,
  ["resty.rediscluster"] = true, ["pgmoon"] = true,
}

--- Modules that stop the whole worker while they wait.
rules.BLOCKING_MODULES = {
  ["socket.http"] = "use resty.http", ["ssl.https"] = "use resty.http", ["socket.smtp"] = "use ngx.socket.tcp in a timer",
  ["socket.ftp"] = "use ngx.socket.tcp in a timer", ["luasql.postgres"] = "use pgmoon", ["redis"] = "use resty.redis",
}

--- Functions that stop the whole worker while they run.
rules.BLOCKING = {
  ["os.execute"] = "use ngx.pipe or resty.shell", ["io.popen"] = "use ngx.pipe or resty.shell",
  ["os.exit"] = "return nil, err, or raise an error",
}

--- Functions that take a function and run it later, outside of the request.
rules.LATER = { ["ngx.timer.at"] = true, ["ngx.timer.every"] = true, ["kong.timer.at"] = true, ["kong.timer.every"] = true,
                ["kong.timer.named_at"] = true, ["kong.timer.named_every"] = true, ["kong.tools.queue.enqueue"] = true }

--- Attributes of schemas from before Kong 1.0; value: what to write.
rules.OLD_SCHEMA = {
  no_consumer = "{ consumer = typedefs.no_consumer } in fields",
  no_route = "{ route = typedefs.no_route } in fields",
  no_service = "{ service = typedefs.no_service } in fields",
  self_check = "entity_checks, or custom_validator on the config record",
  run_on = "nothing: it is gone",
}


-- How many letters differ (insertions, deletions, exchanges).
local function distance(a, b)
  local row = {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local above = row[j]
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(above + 1, row[j - 1] + 1, diagonal + cost)
      diagonal = above
    end
  end
  return row[#b]
end


--- The name among `names` (a set) that was probably meant, or nil.
function rules.nearest(word, names)
  local best, best_distance = nil, math.max(2, math.floor(#word / 4)) + 1
  local sorted = {}
  for name in pairs(names) do
    sorted[#sorted + 1] = name
  end
  table.sort(sorted)
  for _, name in ipairs(sorted) do
    local d = distance(word, name)
    if d < best_distance then
      best, best_distance = name, d
    end
  end
  return best
end


return rules
