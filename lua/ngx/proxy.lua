-- Proxying: what kong.runloop tells C about a request's upstream and what C tells about its tries. No phase checks: only
-- the run loop calls these, in the phases that they are for. All values are plain numbers and strings.
local base = require "ngx.base"
local ffi = require "ffi"

local C = base.C
local cur = base.cur
local text = base.text
local tonumber = tonumber

local proxy = {}

local method_out, host_out, path_out, sni_out = base.new_str(), base.new_str(), base.new_str(), base.new_str()
local is_tls_out = ffi.new("int[1]")
local number_out = ffi.new("double[1]")
local size_out = ffi.new("size_t[1]")
local port_out, status_out, outcome_out = ffi.new("int[1]"), ffi.new("int[1]"), ffi.new("int[1]")

local PROXY_LATENCY, UPSTREAM_LATENCY, RESPONSE_LATENCY, CONNECT_TIME, RECEIVE_TIME = 0, 1, 2, 3, 4
proxy.PROXY_LATENCY, proxy.UPSTREAM_LATENCY, proxy.RESPONSE_LATENCY = PROXY_LATENCY, UPSTREAM_LATENCY, RESPONSE_LATENCY
proxy.CONNECT_TIME, proxy.RECEIVE_TIME = CONNECT_TIME, RECEIVE_TIME
-- enum kgw_outcome of runtime/proxy/req.h
local OK, CONNECT_TIMEOUT, SEND_TIMEOUT, READ_TIMEOUT = 1, 3, 6, 8


-- The small integer that stands for the running request, used again after its end.
function proxy.slot()
  return cur.slot
end


-- What the router looks at, without making strings of it: the normalised path (pointer and length, valid until the coroutine
-- waits), whether the client speaks TLS.
function proxy.match_input()
  C.kgw_ffi_match_input(method_out, host_out, path_out, is_tls_out, sni_out)
  return path_out.ptr, path_out.len, is_tls_out[0] ~= 0
end


-- More of it, as strings, right after match_input: the method, the Host as received, the path, the SNI or nil.
function proxy.match_method()
  return text(method_out)
end


function proxy.match_host()
  return text(host_out)
end


function proxy.match_path()
  return text(path_out)
end


function proxy.match_sni()
  if sni_out.ptr == nil then
    return nil
  end
  return text(sni_out)
end


local route_type = ffi.typeof("kgw_ffi_route_t")


-- What is the same for all requests of a route, for `apply`: fields base, host (nil: the client's), ip and port (nil: chosen
-- per request), pool, connect_ms, send_ms, read_ms, retries, is_tls, strip, request_buffering, response_buffering. The
-- caller keeps `fields` as long as the result.
function proxy.new_route(fields)
  local route = route_type()
  route.base, route.base_len = fields.base, #fields.base
  if fields.host then
    route.host, route.host_len = fields.host, #fields.host
  end
  if fields.pool then
    route.pool, route.pool_len = fields.pool, #fields.pool
  end
  route.connect_ms, route.send_ms, route.read_ms = fields.connect_ms, fields.send_ms, fields.read_ms
  route.retries = fields.retries
  route.is_tls = fields.is_tls and 1 or 0
  route.strip = fields.strip and 1 or 0
  route.request_buffering = fields.request_buffering and 1 or 0
  route.response_buffering = fields.response_buffering and 1 or 0
  if fields.ip and C.kgw_ffi_route_addr(route, fields.ip, #fields.ip, fields.port) ~= 0 then
    return nil
  end
  return route
end


-- Applies a route to the running request; `prefix` is the part of the path that the route matched, or nil.
function proxy.apply(route, prefix)
  C.kgw_ffi_route_apply(route, prefix, prefix and #prefix or 0)
end


-- The route's own address for one more try.
function proxy.set_route_peer(route)
  C.kgw_ffi_route_peer(route)
end


-- The Host that was set for the upstream, or nil when the client's is sent.
function proxy.get_host()
  if C.kgw_ffi_upstream_host(host_out) ~= 0 then
    return nil
  end
  return text(host_out)
end


-- Whether $upstream_scheme was written.
function proxy.has_scheme()
  return C.kgw_ffi_upstream_scheme_set() ~= 0
end


-- The port that the client used: the listener's, or what port_maps says of it.
function proxy.listen_port()
  return C.kgw_ffi_listen_port()
end


-- Sets the Host for the upstream.
function proxy.set_host(is_tls, host)
  C.kgw_ffi_set_upstream(is_tls and 1 or 0, host, #host, nil, 0, nil, 0)
end


-- nil leaves a value as it is. `host` is the Host field, `uri` the escaped path, `prefix` X-Forwarded-Prefix.
function proxy.set_upstream(is_tls, host, uri, prefix)
  C.kgw_ffi_set_upstream(is_tls and 1 or 0, host, host and #host or 0, uri, uri and #uri or 0, prefix, prefix and #prefix or 0)
end


-- Address of the next try; `sni` for TLS, `pool` names the keep-alive pool, nil for none.
function proxy.set_peer(ip, port, sni, pool)
  return C.kgw_ffi_set_peer(ip, #ip, port, sni, sni and #sni or 0, pool, pool and #pool or 0) == 0
end


-- Milliseconds.
function proxy.set_timeouts(connect_ms, send_ms, read_ms)
  C.kgw_ffi_set_timeouts(connect_ms, send_ms, read_ms)
end


function proxy.set_retries(retries)
  C.kgw_ffi_set_retries(retries)
end


-- Idle milliseconds of pooled connections and how many requests each may serve (0: no limit).
function proxy.set_keepalive(idle_ms, max)
  C.kgw_ffi_set_keepalive(idle_ms, max)
end


function proxy.set_buffering(request, response)
  C.kgw_ffi_set_buffering(request and 1 or 0, response and 1 or 0)
end


-- Options of the TLS context for the next try; C keeps contexts by `key`. verify: -1 default, 0, 1; depth -1 default.
function proxy.set_tls(key, verify, depth, ca, cert, priv)
  return C.kgw_ffi_set_tls(key, #key, verify, depth, ca, #ca, cert, #cert, priv, #priv) == 0
end


local made_key = base.new_str()

-- As set_tls with a parsed chain and key or a store (cdata, or nil) that take the place of the texts; the key that stands for all.
function proxy.set_tls_objects(key, verify, depth, ca, cert, priv, chain, pkey, store)
  C.kgw_ffi_set_tls_objects(key, #key, verify, depth, ca, #ca, cert, #cert, priv, #priv, chain, pkey, store, made_key)
  return base.text(made_key)
end


-- Which of the later phases this request enters.
function proxy.want(header_filter, body_filter, log, response)
  C.kgw_ffi_want(header_filter and 1 or 0, body_filter and 1 or 0, log and 1 or 0, response and 1 or 0)
end


-- This request enters body_filter after all; for header_filter, before the head is out.
function proxy.want_body_filter()
  C.kgw_ffi_want_body_filter()
end


-- Phases (mask) that C enters although a request never reached its route.
function proxy.hooked_phases(mask)
  C.kgw_ffi_hooked_phases(mask)
end


-- Whether the failed try ended by a timeout.
function proxy.last_failure_is_timeout()
  local outcome = C.kgw_ffi_last_failure()
  return outcome == CONNECT_TIMEOUT or outcome == SEND_TIMEOUT or outcome == READ_TIMEOUT
end


function proxy.last_failure()
  return C.kgw_ffi_last_failure()
end


-- Number of tries so far.
function proxy.tries()
  return C.kgw_ffi_tries()
end


-- ip, port, status, outcome of the i-th try (0 is the first), or nil.
function proxy.try_get(i)
  if C.kgw_ffi_try_get(i, host_out, port_out, status_out, outcome_out) ~= 0 then
    return nil
  end
  return text(host_out), port_out[0], status_out[0], outcome_out[0]
end


-- Status of the last try: the response's, or 502 or 504 when there was none; 0 without a try.
function proxy.upstream_status()
  local n = C.kgw_ffi_tries()
  if n == 0 or C.kgw_ffi_try_get(n - 1, host_out, port_out, status_out, outcome_out) ~= 0 then
    return 0
  end
  return status_out[0]
end


-- Whether the last try brought a response.
function proxy.has_answer()
  local n = C.kgw_ffi_tries()
  return n > 0 and C.kgw_ffi_try_get(n - 1, host_out, port_out, status_out, outcome_out) == 0 and outcome_out[0] == OK
end


-- Milliseconds between two milestones (the constants above), or nil when one was not reached.
function proxy.latency(which)
  if C.kgw_ffi_latency(which, number_out) ~= 0 then
    return nil
  end
  return tonumber(number_out[0])
end


function proxy.is_proxied()
  return C.kgw_ffi_is_proxied() ~= 0
end


-- Gives a local answer the headers of a proxied one: it is the service's, from a cache.
function proxy.mark_balanced()
  C.kgw_ffi_mark_balanced()
end


-- The service's body while it is held back, else nil.
function proxy.held_body()
  if C.kgw_ffi_held_body_size(size_out) ~= 0 then
    return nil
  end
  local size = tonumber(size_out[0])
  local out = base.buf(size)
  return ffi.string(out, C.kgw_ffi_held_body_copy(out, size))
end


-- Replaces the body that is held back.
function proxy.set_held_body(body)
  C.kgw_ffi_held_body_set(body, #body)
end


-- Drops the running coroutine; the run loop goes on in its access_resume. Does not return.
function proxy.abandon()
  C.kgw_ffi_abandon()
  base.wait()
end


-- Monotonic microseconds.
function proxy.mono_us()
  return tonumber(C.kgw_ffi_mono_us())
end


return proxy
