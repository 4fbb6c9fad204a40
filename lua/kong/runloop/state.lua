-- The configuration that requests are served with: router, plugins, records of routes. Replaced as a whole by
-- kong.runloop.rebuild; requests that began before keep the tables they hold.
-- Every other file of the runloop reads the fields here at each request and must never keep them.
local state = {
  router = nil,        -- kong.router
  iterator = nil,      -- kong.runloop.plugins_iterator
  records = nil,       -- route table -> kong.runloop.record
  record_opts = nil,   -- what records are made with
  version = 0,         -- goes up with every rebuild
  allows_debug = false, -- Kong-Debug request headers are answered
  client_cert = nil,   -- { cert, key } as PEM: client_ssl_cert
  has_pool = true,     -- upstream connections are kept
  plugins = nil,       -- loaded plugins: array of { name, handler, schema, priority }
  instrumentation = nil, -- kong.observability.tracing.instrumentation, when spans are wanted
  has_failed_worker = false, -- an init_worker handler raised an error
  -- By slot of the running request: what the balancer phase has to know when a try failed.
  tries = {},
}


return state
