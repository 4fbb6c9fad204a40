-- Keeps answers of upstreams, and answers requests from what it kept.
local cache_control = require "kong.plugins.proxy-cache.cache_control"
local cache_key = require "kong.plugins.proxy-cache.cache_key"
local meta = require "kong.meta"
local rules = require "kong.plugins.proxy-cache.rules"
local strategies = require "kong.plugins.proxy-cache.strategies"

local kong = kong
local ngx = ngx
local pairs = pairs


local ProxyCache = {
  VERSION = meta.version,
  PRIORITY = 100,
}


-- The form of kept answers; others are not read.
local FORMAT = 1
local MISSING = "request object not in cache"

-- Headers that belong to a connection or to one answer, not to what is kept.
local NOT_KEPT = {
  ["connection"] = true,
  ["keep-alive"] = true,
  ["proxy-authenticate"] = true,
  ["proxy-authorization"] = true,
  ["te"] = true,
  ["trailers"] = true,
  ["transfer-encoding"] = true,
  ["upgrade"] = true,
  ["content-length"] = true,
  ["age"] = true,
  ["x-cache-status"] = true,
  ["x-cache-key"] = true,
}


local function strategy_of(conf)
  return strategies { strategy_name = conf.strategy, strategy_opts = conf[conf.strategy] }
end


local function is_shown(conf, name)
  return conf.response_headers[name] or ngx.var.http_kong_debug ~= nil
end


local function tell(conf, name, value)
  if is_shown(conf, name) then
    kong.response.set_header(name, value)
  end
end


local function key_of(conf)
  local consumer = kong.client.get_consumer()
  local route = kong.router.get_route()
  local line = ngx.var.request:gsub("%?.*", "")
  if conf.ignore_uri_case then
    line = line:lower()
  end
  return cache_key.build_cache_key(consumer and consumer.id, route and route.id, kong.request.get_method(), line,
                                   kong.request.get_query(), kong.request.get_headers(), conf)
end


-- Has the answer of the upstream kept under this key.
local function keep_later(conf, key, status)
  kong.ctx.plugin.proxy_cache = { key = key }
  tell(conf, "X-Cache-Status", status)
end


local function headers_for_hit(conf, answer, key, now)
  local headers = {}
  for name, value in pairs(answer.headers) do
    local lower = name:lower()
    if not NOT_KEPT[lower] and not lower:find("ratelimit-remaining", 1, true) then
      headers[name] = value
    end
  end
  if is_shown(conf, "age") then
    headers.Age = math.floor(now - answer.timestamp)
  end
  if is_shown(conf, "X-Cache-Status") then
    headers["X-Cache-Status"] = "Hit"
  end
  if is_shown(conf, "X-Cache-Key") then
    headers["X-Cache-Key"] = key
  end
  return headers
end


local function answer_from_cache(conf, answer, key, now)
  -- What logging plugins can know about the answer.
  kong.ctx.shared.proxy_cache_hit = {
    res = answer,
    req = { body = answer.req_body },
    server_addr = ngx.var.server_addr,
  }
  ngx.ctx.KONG_PROXIED = true
  return kong.response.exit(answer.status, answer.body, headers_for_hit(conf, answer, key, now))
end


-- Another node was told to forget something: "PLUGIN:KEY", or "PLUGIN:nil" for all of a plugin's answers.
local function on_purge(data)
  local plugin_id, cache_key = data:match("^([^:]*):(.*)$")
  local plugin = plugin_id and kong.db.plugins:select({ id = plugin_id })
  if not plugin then
    return
  end
  local strategy = strategy_of(plugin.config)
  local ok, err
  if cache_key == "nil" then
    ok, err = strategy:flush(true)
  else
    ok, err = strategy:purge(cache_key)
  end
  if not ok then
    kong.log.err("failed to purge cache key '", cache_key, "': ", err)
  end
end


function ProxyCache:init_worker()
  if kong.configuration.database ~= "off" and kong.cluster_events then
    kong.cluster_events:subscribe("proxy-cache:purge", on_purge)
  end
end


function ProxyCache:access(conf)
  local directives = cache_control.parse(ngx.var.http_cache_control)
  if not rules.is_request_cacheable(conf, directives) then
    tell(conf, "X-Cache-Status", "Bypass")
    return
  end
  local key, err = key_of(conf)
  if not key then
    kong.log.err(err)
    return
  end
  tell(conf, "X-Cache-Key", key)

  local answer
  answer, err = strategy_of(conf):fetch(key)
  if not answer then
    if err ~= MISSING then
      kong.log.err(err)
      return
    end
    if conf.cache_control and directives["only-if-cached"] then
      return kong.response.exit(504)
    end
    kong.ctx.plugin.req_body = kong.request.get_raw_body()
    return keep_later(conf, key, "Miss")
  end
  local now = ngx.time()
  if answer.version ~= FORMAT then
    kong.log.notice("cache format mismatch, purging ", key)
    strategy_of(conf):purge(key)
    return keep_later(conf, key, "Bypass")
  elseif not rules.is_fresh(conf, directives, answer, now) then
    return keep_later(conf, key, "Refresh")
  end
  return answer_from_cache(conf, answer, key, now)
end


function ProxyCache:header_filter(conf)
  local ctx = kong.ctx.plugin
  local pending = ctx.proxy_cache
  if not pending then
    return
  end
  local directives = cache_control.parse(ngx.var.sent_http_cache_control)
  if rules.is_response_cacheable(conf, directives) then
    pending.headers = ngx.resp.get_headers(0, true)
    pending.ttl = conf.cache_control and cache_control.ttl(directives) or conf.cache_ttl
  else
    tell(conf, "X-Cache-Status", "Bypass")
    ctx.proxy_cache = nil
  end
end


function ProxyCache:body_filter(conf)
  local ctx = kong.ctx.plugin
  local pending = ctx.proxy_cache
  if not pending then
    return
  end
  local body = kong.response.get_raw_body()
  if not body then
    return
  end
  local ok, err = strategy_of(conf):store(pending.key, {
    status = kong.response.get_status(),
    headers = pending.headers,
    body = body,
    body_len = #body,
    timestamp = ngx.time(),
    ttl = pending.ttl,
    version = FORMAT,
    req_body = ctx.req_body,
  }, conf.storage_ttl or pending.ttl)
  if not ok then
    kong.log.err("cannot keep an answer: ", err)
  end
end


return ProxyCache
