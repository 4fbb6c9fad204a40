-- require "lapis.nginx": the request of the current phase as applications see it, and their answer to it.
local util = require "lapis.util"

local setmetatable = setmetatable
local type = type

local Nginx = {}


-- A repeated parameter has its last value.
local function last_values(args)
  local out = {}
  for name, value in pairs(args or {}) do
    out[name] = type(value) == "table" and value[#value] or value
  end
  return out
end


local function read_part(part, name, value)
  if name:lower() ~= "content-disposition" then
    part[name:lower()] = value
    return
  end
  for _, pair in ipairs(util.parse_content_disposition(value) or {}) do
    part[pair[1]] = pair[2]
  end
end


-- Fields of a multipart body: texts, and tables { filename, content, ... } for files. Nil, err when it is broken.
local function read_multipart()
  local form, err = require("resty.upload"):new(4096)
  if not form then
    return nil, err
  end
  form:set_timeout(5000)
  local out, part = {}, { content = {} }
  while true do
    local kind, data, failure = form:read()
    if kind == "header" and type(data) == "table" then
      read_part(part, data[1], data[2])
    elseif kind == "body" then
      table.insert(part.content, data)
    elseif kind == "part_end" then
      part.content = table.concat(part.content)
      if part.name then
        out[part.name] = part["content-type"] and part or part.content
      end
      part = { content = {} }
    elseif kind == "eof" then
      return out
    elseif kind ~= "header" then
      return nil, failure or data or "failed to read upload"
    end
  end
end


local FIELDS = {
  headers = function() return ngx.req.get_headers() end,
  method = function() return ngx.var.request_method end,
  scheme = function() return ngx.var.scheme end,
  port = function() return ngx.var.server_port end,
  server_addr = function() return ngx.var.server_addr end,
  remote_addr = function() return ngx.var.remote_addr end,
  request_uri = function() return ngx.var.request_uri end,
  params_get = function() return last_values(ngx.req.get_uri_args()) end,
  params_post = function(req)
    local kind = req.headers["content-type"]
    kind = type(kind) == "string" and kind:lower() or ""
    if kind:find("multipart/form-data", 1, true) then
      return read_multipart() or {}
    elseif kind:find("application/x-www-form-urlencoded", 1, true) then
      ngx.req.read_body()
      return last_values(ngx.req.get_post_args())
    end
    return {}
  end,
  parsed_url = function()
    local host = ngx.var.http_host
    return {
      scheme = ngx.var.scheme, host = ngx.var.host, port = host and host:match(":(%d+)$"),
      path = ngx.var.request_uri:match("^[^?]*"), query = ngx.var.args,
    }
  end,
}


local function read_body_as_string()
  ngx.req.read_body()
  return ngx.req.get_body_data()
end


--- The current request; fields are read when they are looked at.
function Nginx.build_request()
  return setmetatable({ read_body_as_string = read_body_as_string }, { __index = function(self, name)
    local value = FIELDS[name] and FIELDS[name](self)
    self[name] = value
    return value
  end })
end


--- The answer: set status, headers (ngx.header) and content, or add_header(name, value).
function Nginx.build_response()
  return {
    req = Nginx.build_request(),
    headers = ngx.header,
    add_header = function(self, name, value)
      local old = self.headers[name]
      if old == nil then
        self.headers[name] = value
      else
        local list = type(old) == "table" and old or { old }
        list[#list + 1] = value
        self.headers[name] = list
      end
    end,
  }
end


--- Answers the current request by an application. In phases that go on to the upstream the caller ends the request, with
--- ngx.exit(ngx.status): an answer without a body is not sent before.
function Nginx.dispatch(app)
  local res = Nginx.build_response()
  app:dispatch(res.req, res)
  if res.status then
    ngx.status = res.status
  end
  if res.content then
    ngx.print(res.content)
  end
  return res
end


return Nginx
