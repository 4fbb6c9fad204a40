-- kong.service.request: the request as the service will get it.
local body = require "kong.pdk.private.body"
local checks = require "kong.pdk.private.checks"
local cjson = require "kong.tools.cjson"
local escape = require("kong.tools.uri").escape
local form = require "kong.pdk.private.form"
local multipart = require "kong.pdk.private.multipart"
local phases = require "kong.pdk.private.phases"

local byte = string.byte
local check_phase = phases.check
local error = error
local find = string.find
local lower = string.lower
local next = next
local ngx = ngx
local normalize = checks.normalize_multi_header
local req = ngx.req
local sub = string.sub
local type = type
local validate_header = checks.validate_header
local validate_headers = checks.validate_headers

local PHASES = phases.phases
local ACCESS = phases.new(PHASES.rewrite, PHASES.access)
local BALANCER = phases.new(PHASES.rewrite, PHASES.access, PHASES.balancer)

local SLASH = byte("/")
local METHODS = {}
for name in ("GET HEAD PUT POST DELETE OPTIONS MKCOL COPY MOVE PROPFIND PROPPATCH LOCK UNLOCK PATCH TRACE"):gmatch("%a+") do
  METHODS[name] = ngx["HTTP_" .. name]
end

local request = {}


-- Holds the service's response back until it is complete, so that plugins can read its body.
function request.enable_buffering()
  check_phase(BALANCER)
  ngx.ctx.buffered_proxying = true
end


function request.set_scheme(scheme)
  check_phase(BALANCER)
  if type(scheme) ~= "string" then
    error("scheme must be a string", 2)
  end
  if scheme ~= "http" and scheme ~= "https" then
    error("invalid scheme: " .. scheme, 2)
  end
  ngx.var.upstream_scheme = scheme
end


function request.set_path(path)
  check_phase(BALANCER)
  if type(path) ~= "string" then
    error("path must be a string", 2)
  end
  if byte(path) ~= SLASH then
    error("path must start with /", 2)
  end
  ngx.var.upstream_uri = escape(path)
end


function request.set_raw_query(query)
  check_phase(ACCESS)
  if type(query) ~= "string" then
    error("query must be a string", 2)
  end
  req.set_uri_args(query)
end


function request.set_method(method)
  check_phase(ACCESS)
  if type(method) ~= "string" then
    error("method must be a string", 2)
  end
  local id = METHODS[method]
  if not id then
    error("invalid method: " .. method, 2)
  end
  req.set_method(id)
end


function request.set_query(args)
  check_phase(ACCESS)
  if type(args) ~= "table" then
    error("args must be a table", 2)
  end
  local query, err = form.encode_sorted(args)
  if not query then
    error(err, 2)
  end
  req.set_uri_args(query)
end


function request.clear_query_arg(name)
  check_phase(ACCESS)
  if type(name) ~= "string" then
    error("query argument name must be a string", 2)
  end
  local args = ngx.var.args
  if args and args ~= "" then
    ngx.var.args = form.remove(args, name)
  end
end


-- The Host header is kept in a variable of its own: the balancer decides whether it wins.
local function note_host(name, value)
  if #name == 4 and lower(name) == "host" then
    ngx.var.upstream_host = type(value) == "table" and value[1] or value
  end
end


-- nil, err only for ":authority" towards services that do not speak gRPC.
function request.set_header(name, value)
  check_phase(BALANCER)
  validate_header(name, value)
  if byte(name) == 58 and lower(name) == ":authority" then
    local scheme = ngx.var.upstream_scheme
    if scheme ~= "grpc" and scheme ~= "grpcs" then
      return nil, "cannot set :authority pseudo-header on non-grpc requests"
    end
    ngx.var.upstream_host = value
    return true
  end
  note_host(name, value)
  req.set_header(name, normalize(value))
end


function request.add_header(name, value)
  check_phase(ACCESS)
  validate_header(name, value)
  note_host(name, value)
  local present = req.get_headers()[name]
  local values = type(present) == "table" and present or { present }
  local added = normalize(value)
  if type(added) == "table" then
    for i = 1, #added do
      values[#values + 1] = added[i]
    end
  else
    values[#values + 1] = added
  end
  req.set_header(name, values)
end


function request.clear_header(name)
  check_phase(ACCESS)
  if type(name) ~= "string" then
    error("header must be a string", 2)
  end
  req.clear_header(name)
end


function request.set_headers(headers)
  check_phase(ACCESS)
  validate_headers(headers)
  for name, value in next, headers do
    note_host(name, value)
    req.set_header(name, normalize(value))
  end
end


function request.set_raw_body(text)
  check_phase(BALANCER)
  if type(text) ~= "string" then
    error("body must be a string", 2)
  end
  if ngx.get_phase() ~= "balancer" then
    req.read_body()
  end
  req.set_body_data(text)
end


-- Encoders: text, content type | nil, err.
local ENCODERS = {
  [body.FORM] = function(args, mime)
    local text, err = form.encode_sorted(args)
    return text, text and mime or err
  end,
  [body.JSON] = function(args, mime)
    local text, err = cjson.encode(args)
    return text, text and mime or err
  end,
  [body.MULTIPART] = multipart.encode,
}


-- true | nil, err when no content type is known.
function request.set_body(args, mime)
  check_phase(ACCESS)
  if type(args) ~= "table" then
    error("args must be a table", 2)
  end
  if mime and type(mime) ~= "string" then
    error("mime must be a string", 2)
  end
  mime = mime or ngx.var.http_content_type
  if not mime then
    return nil, "content type was neither explicitly given as an argument or received as a header"
  end

  local semicolon = find(mime, ";", 1, true)
  local encode = ENCODERS[semicolon and sub(mime, 1, semicolon - 1) or mime]
  if not encode then
    error("unsupported content type " .. mime, 2)
  end
  req.read_body()
  local text, content_type = encode(args, mime)
  if not text then
    error(content_type, 2)
  end
  req.set_body_data(text)
  req.set_header("Content-Type", content_type)
  return true
end


return {
  new = function()
    return request
  end,
}
