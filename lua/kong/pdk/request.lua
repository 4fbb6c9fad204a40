-- kong.request: the client's request, as it came (and as plugins changed it for the service).
-- Every function reads through ngx.*; must never keep request data outside ngx.ctx.
local body = require "kong.pdk.private.body"
local cjson = require "kong.tools.cjson"
local normalize = require("kong.tools.uri").normalize
local phases = require "kong.pdk.private.phases"
local reader = require "kong.pdk.private.request_body"

local check_not_phase = phases.check_not
local check_phase = phases.check
local error = error
local find = string.find
local gsub = string.gsub
local lower = string.lower
local next = next
local ngx = ngx
local req = ngx.req
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber
local type = type

local PHASES = phases.phases
local REQUEST = PHASES.request
local BEFORE_CONTENT = phases.new(PHASES.rewrite, PHASES.access, PHASES.response, PHASES.error, PHASES.admin_api)
local COUNT_MAX = 1000

local request = {}

-- Header name to the variable that holds it; names are few, so the table is dropped when someone makes them up.
local header_vars, header_var_cnt = {}, 0
local HEADER_VARS_MAX = 1000


local function header_var(name)
  if header_var_cnt >= HEADER_VARS_MAX then
    header_vars, header_var_cnt = {}, 0
  end
  local var = "http_" .. lower((gsub(name, "-", "_")))
  header_vars[name] = var
  header_var_cnt = header_var_cnt + 1
  return var
end


-- nil, or what is wrong with a limit that the caller gave.
local function limit_fault(what, limit)
  if type(limit) ~= "number" then
    return what .. " must be a number"
  end
  if limit < 1 then
    return what .. " must be >= 1"
  end
  if limit > COUNT_MAX then
    return what .. " must be <= " .. COUNT_MAX
  end
  return nil
end


function request.get_scheme()
  check_phase(REQUEST)
  return ngx.var.scheme
end


function request.get_host()
  check_phase(REQUEST)
  return ngx.var.host
end


function request.get_port()
  check_not_phase(PHASES.init_worker)
  return tonumber(ngx.var.server_port)
end


function request.get_http_version()
  check_phase(REQUEST)
  return req.http_version()
end


function request.get_method()
  check_phase(REQUEST)
  return req.get_method()
end


-- The path in Kong's normal form.
function request.get_path()
  check_phase(REQUEST)
  return normalize(request.get_raw_path(), true)
end


function request.get_raw_path()
  check_phase(REQUEST)
  local uri = ngx.var.request_uri or ""
  local mark = find(uri, "?", 2, true)
  return mark and sub(uri, 1, mark - 1) or uri
end


function request.get_path_with_query()
  check_phase(REQUEST)
  return ngx.var.request_uri or ""
end


function request.get_raw_query()
  check_phase(REQUEST)
  return ngx.var.args or ""
end


local function query(max_args)
  local ctx = ngx.ctx
  local args = ctx.uri_args
  if not args then
    args = {}
    ctx.uri_args = args
  end
  return req.get_uri_args(max_args, args)
end


-- The first value of an argument; true when it has none.
function request.get_query_arg(name)
  check_phase(REQUEST)
  if type(name) ~= "string" then
    error("query argument name must be a string", 2)
  end
  local value = query()[name]
  if type(value) == "table" then
    return value[1]
  end
  return value
end


-- All arguments in a table that the next call fills anew.
function request.get_query(max_args)
  check_phase(REQUEST)
  if max_args ~= nil then
    local fault = limit_fault("max_args", max_args)
    if fault then
      error(fault, 2)
    end
  end
  return query(max_args)
end


function request.get_header(name)
  check_phase(REQUEST)
  if type(name) ~= "string" then
    error("header name must be a string", 2)
  end
  local value = ngx.var[header_vars[name] or header_var(name)]
  -- Repeated headers come joined; only the table of all headers tells them from a comma in one.
  if not value or not find(value, ", ", 1, true) then
    return value
  end
  local found = req.get_headers()[name]
  if type(found) == "table" then
    return found[1]
  end
  return found or value
end


function request.get_headers(max_headers)
  check_phase(REQUEST)
  if max_headers == nil then
    return req.get_headers()
  end
  local fault = limit_fault("max_headers", max_headers)
  if fault then
    error(fault, 2)
  end
  return req.get_headers(max_headers)
end


-- max_allowed_file_size: 0 or more also reads a body that was spilled to disk (0 = of any size).
function request.get_raw_body(max_allowed_file_size)
  check_phase(BEFORE_CONTENT)
  return reader.read(max_allowed_file_size)
end


local function form(max_args)
  req.read_body()
  local args, err
  if max_args ~= nil then
    args, err = req.get_post_args(max_args)
  else
    args, err = req.get_post_args()
  end
  if not args then
    return nil, err, body.FORM
  end
  return args, nil, body.FORM
end


-- table, nil, type | nil, err, type. `mimetype` overrides the request's Content-Type.
function request.get_body(mimetype, max_args, max_allowed_file_size)
  check_phase(BEFORE_CONTENT)
  local content_type = mimetype or request.get_header("Content-Type")
  if not content_type then
    return nil, "missing content type"
  end
  local bare = body.bare_type(content_type)
  local kind = body.kind_of(bare)
  if kind == body.FORM then
    local fault = max_args ~= nil and limit_fault("max_args", max_args)
    if fault then
      error(fault, 2)
    end
    return form(max_args)
  end
  if not kind then
    return body.unsupported(content_type, bare)
  end

  local text, err = reader.read(max_allowed_file_size)
  if not text then
    return nil, err, kind
  end
  if kind == body.JSON then
    return body.decode_json(text)
  end
  return body.decode_multipart(text, content_type)
end


-- Milliseconds since the epoch.
function request.get_start_time()
  check_phase(REQUEST)
  return ngx.ctx.KONG_PROCESSING_START or req.start_time() * 1000
end


-- What the route's regular expression captured: { named = {}, unnamed = {} }.
function request.get_uri_captures(ctx)
  check_phase(REQUEST)
  ctx = ctx or ngx.ctx
  local matches = ctx.router_matches
  local named, unnamed = {}, {}
  for key, value in next, matches and matches.uri_captures or named do
    if type(key) == "string" then
      named[key] = value
    elseif type(key) == "number" then
      unnamed[key] = value
    else
      kong.log.err("unknown capture key type: ", type(key))
    end
  end
  return { named = named, unnamed = setmetatable(unnamed, cjson.array_mt) }
end


-- What a trusted proxy in front said of the request's outer form -----------------------------------------------------

-- The header if the peer is trusted.
local function forwarded(kong, var_name)
  local var = ngx.var
  if kong.ip.is_trusted(var.realip_remote_addr or var.remote_addr) then
    return var[var_name]
  end
  return nil
end


local function port_of(text)
  local port = text and tonumber(text)
  if port and port >= 1 and port <= 65535 then
    return port
  end
  return nil
end


local function add_forwarded(kong)
  function request.get_forwarded_scheme()
    check_phase(REQUEST)
    local scheme = forwarded(kong, "http_x_forwarded_proto")
    return scheme and lower(scheme) or ngx.var.scheme
  end

  function request.get_forwarded_host()
    check_phase(REQUEST)
    local host = forwarded(kong, "http_x_forwarded_host")
    if not host then
      return ngx.var.host
    end
    local at = find(host, "@", 1, true)
    if at then
      host = sub(host, at + 1)
    end
    local colon = find(host, ":", 1, true)
    if colon then
      host = sub(host, 1, colon - 1)
    end
    return lower(host)
  end

  function request.get_forwarded_port()
    check_phase(REQUEST)
    local var = ngx.var
    if kong.ip.is_trusted(var.realip_remote_addr or var.remote_addr) then
      local port = port_of(var.http_x_forwarded_port)
      if not port then
        local host = var.http_x_forwarded_host
        local at = host and find(host, "@", 1, true) or 0
        local colon = host and find(host, ":", at + 1, true)
        port = colon and port_of(sub(host, colon + 1))
      end
      if port then
        return port
      end
    end
    local host_port = ngx.ctx.host_port
    if host_port then
      return host_port
    end
    local port = tonumber(var.server_port)
    local host_ports = kong.configuration.host_ports
    return host_ports and host_ports[port] or port
  end

  function request.get_forwarded_path()
    check_phase(REQUEST)
    return forwarded(kong, "http_x_forwarded_path") or request.get_path()
  end

  function request.get_forwarded_prefix()
    check_phase(REQUEST)
    return forwarded(kong, "http_x_forwarded_prefix") or ngx.var.upstream_x_forwarded_prefix
  end
end


return {
  new = function(kong)
    add_forwarded(kong)
    return request
  end,
}
