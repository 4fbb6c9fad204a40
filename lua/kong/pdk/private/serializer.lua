-- kong.log.serialize: one request as a table for log plugins, plus the values plugins added or changed with
-- kong.log.set_serialize_value. Runs in the log phase; builds fresh tables, never references to live entities.
local constants = require "kong.constants"
local request_id = require "kong.observability.tracing.request_id"
local tools_table = require "kong.tools.table"

local deep_copy = tools_table.cycle_aware_deep_copy
local error = error
local find = string.find
local fmt = string.format
local next = next
local ngx = ngx
local null = ngx.null
local sub = string.sub
local tonumber = tonumber
local tostring = tostring
local type = type

local SECRET_HEADERS = { "authorization", "proxy-authorization" }
local SOURCES = { error = "kong", exit = "kong", service = "upstream" }
local KEY_TYPES = { string = true, number = true, boolean = true }
local BAD_VALUE = "value must be nil, a number, string, boolean or a non-self-referencial table containing numbers, " ..
                  "string and booleans"

local serializer = {}


local function is_plain(value, seen)
  local kind = type(value)
  if KEY_TYPES[kind] or value == nil then
    return true
  end
  if kind ~= "table" then
    return kind == "userdata" and value == null
  end
  if seen[value] then
    return false
  end
  seen[value] = true
  for key, item in next, value do
    if not KEY_TYPES[type(key)] or not is_plain(item, seen) then
      return false
    end
  end
  return true
end


-- The table that holds the last part of a dotted key, and that part; nil when "replace" finds no such place.
local function find_place(root, key, mode)
  local node, from = root, 1
  -- A dot at the very front belongs to the name.
  local dot = find(key, ".", 2, true)
  while dot do
    local name = sub(key, from, dot - 1)
    local child = node[name]
    if child == nil then
      if mode == "replace" then
        return nil
      end
      child = {}
      node[name] = child
    elseif type(child) ~= "table" then
      error(fmt("The key '%s' could not be used as a serialize value. Subkey '%s' is not a table. It's %s", key, name,
                tostring(child)), 0)
    end
    node, from = child, dot + 1
    dot = find(key, ".", from, true)
  end
  return node, sub(key, from)
end


local function apply(root, edits)
  for i = 1, #edits do
    local edit = edits[i]
    if not is_plain(edit.value, {}) then
      error(BAD_VALUE, 4)
    end
    local node, name = find_place(root, edit.key, edit.mode)
    if node then
      local exists = node[name] ~= nil
      if edit.mode == "set" or exists == (edit.mode == "replace") then
        node[name] = edit.value
      end
    end
  end
  return root
end


local function number_or_text(text)
  return tonumber(text) or text
end


local function tls_of(var, override)
  local version = var.ssl_protocol
  if not version then
    return nil
  end
  return { version = version, cipher = var.ssl_cipher, client_verify = override or var.ssl_client_verify }
end


local function entity_of(ctx)
  local credential = ctx.authenticated_credential
  if not credential then
    return nil
  end
  return { id = credential.id, consumer_id = credential.consumer_id }
end


local function request_headers_of(request)
  local headers = request.get_headers()
  for i = 1, #SECRET_HEADERS do
    local name = SECRET_HEADERS[i]
    if headers[name] ~= nil then
      headers[name] = "REDACTED"
    end
  end
  return headers
end


-- The upstream's path with the query string that went along.
local function upstream_uri_of(var, request_uri)
  local uri = var.upstream_uri or ""
  if uri == "" or find(uri, "?", 1, true) then
    return uri
  end
  if sub(request_uri, -1) == "?" then
    return uri .. "?"
  end
  if var.is_args == "?" then
    return uri .. "?" .. (var.args or "")
  end
  return uri
end


-- The part that HTTP requests and streams share.
local function common(root, ctx, var, okong)
  root.tries = ctx.balancer_data and ctx.balancer_data.tries
  root.authenticated_entity = entity_of(ctx)
  root.route = deep_copy(ctx.route)
  root.service = deep_copy(ctx.service)
  root.consumer = deep_copy(ctx.authenticated_consumer)
  root.client_ip = var.remote_addr
  root.started_at = okong.request.get_start_time()
  root.workspace = ctx.workspace or constants.DECLARATIVE_DEFAULT_WORKSPACE_ID
  root.workspace_name = require("kong.workspaces").get_workspace_name()
  return root
end


local function http(options, ongx, okong)
  local ctx, var = ongx.ctx, ongx.var
  local request = okong.request
  local uri = ctx.request_uri or var.request_uri or ""
  local port = ctx.host_port or tonumber(var.server_port)
  local with_headers = not (options and options.__skip_fetch_headers__)
  local root = {
    request = {
      id = request_id.get() or "",
      uri = uri,
      url = (var.scheme or "http") .. "://" .. (var.host or "") .. (port and ":" .. port or "") .. uri,
      querystring = request.get_query(),
      method = request.get_method(),
      headers = with_headers and request_headers_of(request) or nil,
      size = number_or_text(var.request_length),
      tls = tls_of(var, ctx.CLIENT_VERIFY_OVERRIDE),
    },
    response = {
      status = ongx.status,
      headers = with_headers and ongx.resp.get_headers() or nil,
      size = number_or_text(var.bytes_sent),
    },
    latencies = {
      kong = ctx.KONG_PROXY_LATENCY or ctx.KONG_RESPONSE_LATENCY or 0,
      proxy = ctx.KONG_WAITING_TIME or -1,
      request = tonumber(var.request_time) * 1000,
      receive = ctx.KONG_RECEIVE_TIME or 0,
    },
    upstream_uri = upstream_uri_of(var, uri),
    upstream_status = var.upstream_status or ctx.buffered_status or "",
    source = SOURCES[okong.response.get_source(ctx)],
    plugin_timing = ctx.KONG_PLUGIN_TIMING and ctx.KONG_PLUGIN_TIMING.summary,
  }
  return common(root, ctx, var, okong)
end


local function stream(ongx, okong)
  local ctx, var = ongx.ctx, ongx.var
  local root = {
    session = {
      tls = tls_of(var, ctx.CLIENT_VERIFY_OVERRIDE),
      received = number_or_text(var.bytes_received),
      sent = number_or_text(var.bytes_sent),
      status = ongx.status,
      server_port = ctx.host_port or tonumber(var.server_port),
    },
    upstream = {
      received = number_or_text(var.upstream_bytes_received),
      sent = number_or_text(var.upstream_bytes_sent),
    },
    latencies = {
      kong = ctx.KONG_PROXY_LATENCY or ctx.KONG_RESPONSE_LATENCY or 0,
      session = tonumber(var.session_time) * 1000,
    },
  }
  return common(root, ctx, var, okong)
end


-- options.ngx, options.kong stand in for the globals; options.__skip_fetch_headers__ leaves the headers out.
function serializer.serialize(options)
  local ongx = options and options.ngx or ngx
  local okong = options and options.kong or kong
  local root
  if ngx.config.subsystem == "http" then
    root = http(options, ongx, okong)
  else
    root = stream(ongx, okong)
  end
  local edits = ongx.ctx.serialize_values
  return edits and apply(root, edits) or root
end


return serializer
