-- require "resty.acme.storage.redis": conf { host, port, database, username, password (or auth), ssl, ssl_verify,
-- ssl_server_name, namespace, scan_count }.
local redis = require("resty.acme.storage.adapter").of "redis"

local TIMEOUT_MS = 2000


local function new(conf)
  return redis.new({
    host = conf.host or "127.0.0.1",
    port = conf.port or 6379,
    database = conf.database or 0,
    username = conf.username,
    password = conf.password or conf.auth,
    ssl = conf.ssl,
    ssl_verify = conf.ssl_verify,
    server_name = conf.ssl_server_name,
    timeout = TIMEOUT_MS,
    extra_options = { namespace = conf.namespace, scan_count = conf.scan_count },
  })
end


return { new = new }
