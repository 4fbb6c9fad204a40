-- Serves one Admin or Status API request: reads it, finds the handler, sends what the handler returned.
-- Handlers get `self` ({method, path, params, query, body, is_form, text, headers}), the database, helpers and return
-- status, body, headers; those of plugins answer through kong.response.exit. Used by kong.api and kong.status.
-- Must never know a path.
local arguments = require "kong.api.arguments"
local cjson = require("cjson.safe").new()
local new_pause = require("ngx.pause").new

local concat = table.concat
local gmatch = string.gmatch
local pairs = pairs
local pcall = pcall
local sort = table.sort
local type = type

local server = {}

local LONG_LIST = 32
local JSON = "application/json; charset=utf-8"
local METHODS_WITH_BODY = { POST = true, PUT = true, PATCH = true, DELETE = true }


-- Lists with holes are errors of single entries of a long list: they print with nulls.
cjson.encode_sparse_array(false, 2, 32768)


local function segments_of(path)
  local segments, n = {}, 0
  for part in gmatch(path, "[^/]+") do
    n = n + 1
    segments[n] = ngx.unescape_uri(part)
  end
  return segments
end


local function read_file(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return text
end


local function read_body()
  ngx.req.read_body()
  local text = ngx.req.get_body_data()
  if text then
    return text
  end
  local path = ngx.req.get_body_file()
  return path and read_file(path) or nil
end


local function allowed_methods(leaf)
  local names = { "HEAD", "OPTIONS" }
  for name in pairs(leaf.methods) do
    if name == name:upper() and name ~= "HEAD" and name ~= "OPTIONS" then
      names[#names + 1] = name
    end
  end
  sort(names)
  return concat(names, ", ")
end


-- Server and X-Kong-Admin-Latency are added by the runtime, as kong.conf's headers says.
local function set_common_headers(options)
  local header = ngx.header
  if options.cors then
    header["Access-Control-Allow-Origin"] = options.allowed_origin or ngx.var.http_origin or "*"
    if options.credentials then
      header["Access-Control-Allow-Credentials"] = "true"
    end
  end
end


-- A body as JSON; long lists are encoded row by row, so that requests of others are not held up.
local function encode(body)
  local data = body.data
  if type(data) ~= "table" or #data <= LONG_LIST then
    return cjson.encode(body)
  end
  local pause = new_pause()
  local rows = {}
  for i = 1, #data do
    rows[i] = cjson.encode(data[i])
    if i % 16 == 0 then
      pause()
    end
  end
  local parts = { '"data":[' .. concat(rows, ",") .. "]" }
  for name, v in pairs(body) do
    if name ~= "data" then
      parts[#parts + 1] = cjson.encode(name) .. ":" .. cjson.encode(v)
    end
  end
  return "{" .. concat(parts, ",") .. "}"
end


local FLUSH_BYTES = 65536


-- body: function(write) that gives the text in pieces; they are sent as they come.
local function stream(body)
  ngx.header["Content-Type"] = ngx.header["Content-Type"] or JSON
  local parts, bytes = {}, 0
  local function flush()
    ngx.print(concat(parts))
    ngx.flush(true)
    parts, bytes = {}, 0
  end
  body(function(text)
    parts[#parts + 1] = text
    bytes = bytes + #text
    if bytes >= FLUSH_BYTES then
      flush()
    end
  end)
  flush()
  return ngx.exit(ngx.OK)
end


-- body: table (JSON), text, function (see stream), or nil.
local function send(status, body, headers)
  local header = ngx.header
  ngx.status = status
  for name, v in pairs(headers or {}) do
    header[name] = v
  end
  if type(body) == "function" then
    return stream(body)
  end
  local text = body
  if type(body) == "table" then
    text = encode(body)
    header["Content-Type"] = JSON
  elseif text and not header["Content-Type"] then
    header["Content-Type"] = JSON
  end
  text = text or ""
  if status ~= 204 then
    header["Content-Length"] = #text
  end
  if ngx.req.get_method() ~= "HEAD" and text ~= "" then
    ngx.print(text)
  else
    ngx.send_headers()
  end
  return ngx.exit(ngx.OK)
end


local function preflight(leaf, options)
  local methods = allowed_methods(leaf)
  local headers = { ["Allow"] = methods }
  if options.cors then
    headers["Access-Control-Allow-Methods"] = methods
    headers["Access-Control-Allow-Headers"] = ngx.var.http_access_control_request_headers or "Content-Type"
  end
  return 204, nil, headers
end


local function merged_params(self)
  local params = self.params
  for _, source in ipairs { self.query, type(self.body) == "table" and self.body or {} } do
    for k, v in pairs(source) do
      if params[k] == nil then
        params[k] = v
      end
    end
  end
  return params
end


local function new_request(method, params)
  return {
    method = method,
    path = ngx.var.uri,
    params = params,
    query = ngx.req.get_uri_args(1000),
    req = { method = method, headers = ngx.req.get_headers(0), params_get = {}, params_post = {} },
    args = { uri = {}, post = {} },
    NO_ARRAY_INDEX_MARK = {},
  }
end


-- Reads and decodes the body. nil, or status and body of the refusal.
local function take_body(self, leaf)
  if not METHODS_WITH_BODY[self.method] then
    return nil
  end
  local text = read_body()
  if not text or text == "" then
    return nil
  end
  self.text = text
  self.content_type = ngx.var.http_content_type or ""
  local body, status, message, is_form = arguments.decode_body(text, self.content_type, leaf.methods.accepts_text)
  if status then
    return status, { message = message }
  end
  self.body = body
  self.is_form = is_form
  return nil
end


local function call_handler(app, self, leaf)
  local handler = leaf.methods[self.method]
  if self.method == "HEAD" then
    handler = leaf.methods.HEAD or leaf.methods.GET
  end
  if type(handler) ~= "function" then
    return 405, { message = "Method not allowed" }
  end
  local status, body = take_body(self, leaf)
  if status then
    return status, body
  end
  local plugin_style = leaf.methods.plugin_style
  if plugin_style then
    merged_params(self)
    self.args.uri = self.query
    self.args.post = type(self.body) == "table" and self.body or {}
    if leaf.methods.before then
      leaf.methods.before(self, app.db, app.helpers)
    end
  end
  return handler(self, app.db, app.helpers)
end


local function dispatch(app, options)
  local method = ngx.req.get_method()
  local leaf, params = app.router:find(segments_of((ngx.var.request_uri or "/"):match("^[^?#]*")))
  if not leaf then
    return 404, { message = "Not found" }
  end
  if method == "OPTIONS" then
    return preflight(leaf, options)
  end
  return call_handler(app, new_request(method, params), leaf)
end


-- app: {router, db, helpers}. options: cors, credentials, allowed_origin. Sends the answer and does not return.
function server.serve(app, options)
  set_common_headers(options)
  local ok, status, body, headers = pcall(dispatch, app, options)
  if not ok then
    ngx.log(ngx.ERR, "error in the handler of ", ngx.var.request_uri, ": ", tostring(status))
    return send(500, { message = "An unexpected error occurred" })
  end
  if status == nil then
    return ngx.exit(ngx.status ~= 0 and ngx.status or 200)
  end
  if status == 500 and headers and type(headers) == "string" then
    ngx.log(ngx.ERR, headers)
    headers = nil
  end
  set_common_headers(options)
  return send(status, body, headers)
end


return server
