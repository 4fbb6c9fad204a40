-- Between HTTP with JSON and gRPC, by the google.api.http options of a .proto file's methods.
local cjson = require("cjson.safe").new()
local grpc = require "kong.tools.grpc"
local pb = require "pb"

local concat = table.concat
local frame = grpc.frame
local gmatch = string.gmatch
local gsub = string.gsub
local ipairs = ipairs
local ngx = ngx
local pairs = pairs
local pcall = pcall
local setmetatable = setmetatable
local type = type
local unframe = grpc.unframe

local deco = {}
deco.__index = deco

local METHODS = { get = true, post = true, put = true, patch = true, delete = true }
local VARIABLE = [=[{([-_.~0-9a-zA-Z]+)=?((?:(?:\*|\*\*|[-_.~0-9a-zA-Z])/?)+)?}]=]

-- By file: HTTP method -> array of { regex, names, rewrite_path, input_type, output_type, body }.
local files = {}


-- "/v1/{name=shelves/*}" -> a regular expression and the names of what it captures.
local function compile_path(path)
  local names = {}
  local regex, _, err = ngx.re.gsub("^" .. path .. "$", VARIABLE, function(found)
    names[#names + 1] = found[1]
    local segments = found[2]
    if not segments or segments == "*" then
      return "([^/]+)"
    end
    segments = gsub(gsub(segments, "%*%*", ".+"), "%*", "[^/]+")
    return "(" .. segments .. ")"
  end, "jo")
  return regex, names, err
end


local function add_binding(by_method, file, service, method, binding)
  for verb, path in pairs(binding) do
    verb = verb:lower()
    if METHODS[verb] then
      local regex, names, err = compile_path(path)
      if err then
        ngx.log(ngx.ERR, "error ", err, "parsing options path ", path)
      else
        by_method[verb] = by_method[verb] or {}
        table.insert(by_method[verb], {
          regex = regex,
          names = names,
          rewrite_path = "/" .. file.package .. "." .. service.name .. "/" .. method.name,
          input_type = method.input_type,
          output_type = method.output_type,
          body = binding.body,
        })
      end
    end
  end
end


local function endpoints_of(name)
  local by_method = files[name]
  if not by_method then
    by_method = {}
    grpc.new():each_method(name, function(file, service, method)
      local options = method.options and method.options["google.api.http"]
      if options then
        add_binding(by_method, file, service, method, options)
        local more = options.additional_bindings
        for _, binding in ipairs(more and (more[1] and more or { more }) or {}) do
          add_binding(by_method, file, service, method, binding)
        end
      end
    end, true)
    files[name] = by_method
  end
  return by_method
end


-- The endpoint for a request and the values in its path | nil, err.
local function find(method, path, file)
  local endpoints = endpoints_of(file)[method]
  if not endpoints then
    return nil, ("Unknown method %q"):format(method)
  end
  for _, endpoint in ipairs(endpoints) do
    local found, err = ngx.re.match(path, endpoint.regex, "jo")
    if err then
      return nil, ("Cannot match path %q"):format(err)
    end
    if found then
      local values = {}
      for i, name in ipairs(endpoint.names) do
        values[name] = found[i]
      end
      return endpoint, values
    end
  end
  return nil, ("Unknown path %q"):format(path)
end


-- A translator for one request | nil, err. method in lower case.
function deco.new(method, path, file)
  if not file then
    return nil, "transcoding requests require a .proto file defining the service"
  end
  local endpoint, values = find(method, path, file)
  if not endpoint then
    return nil, "failed to transcode .proto file " .. values
  end
  return setmetatable({ payload = values, endpoint = endpoint, rewrite_path = endpoint.rewrite_path }, deco)
end


-- Puts a query argument ("a.b.c") where the message has a field for it.
local function put_argument(payload, message_type, path, value)
  local keys = {}
  for key in gmatch(path, "[^.]+") do
    keys[#keys + 1] = key
  end
  for i, key in ipairs(keys) do
    local _, _, field_type = pb.field(message_type, key)
    if not field_type then
      return
    end
    if i == #keys then
      if field_type == "bool" then
        value = value and value ~= "0" and value ~= "false"
      end
      payload[key] = value
    else
      payload[key] = payload[key] or {}
      payload, message_type = payload[key], field_type
    end
  end
end


-- Adds what the body has for the message. Returns nil or an error.
local function put_body(payload, name, body)
  if not body or body == "" then
    return nil
  end
  local decoded, err = cjson.decode(body)
  if err then
    return "decode json err: " .. err
  end
  if name ~= "*" then
    payload[name] = decoded
    return nil
  end
  if type(decoded) ~= "table" then
    return "body must be a table"
  end
  for key, value in pairs(decoded) do
    payload[key] = value
  end
end


-- The request's message, framed | nil, err.
function deco:upstream(body)
  local endpoint, payload = self.endpoint, self.payload
  if endpoint.body then
    local err = put_body(payload, endpoint.body, body)
    if err then
      return nil, err
    end
  else
    for path, value in pairs(ngx.req.get_uri_args()) do
      put_argument(payload, endpoint.input_type, path, value)
    end
  end
  local ok, message = pcall(pb.encode, endpoint.input_type, payload)
  if not ok or not message then
    ngx.log(ngx.ERR, message)
    return nil, "failed to encode payload"
  end
  return frame(0, message)
end


-- A piece of the response -> the JSON that became complete with it.
function deco:downstream(chunk)
  local out = {}
  local message, rest = unframe((self.rest or "") .. (chunk or ""))
  while message do
    out[#out + 1] = cjson.encode(pb.decode(self.endpoint.output_type, message))
    message, rest = unframe(rest)
  end
  self.rest = rest
  return concat(out)
end


-- What could not be understood.
function deco:get_raw_downstream_body()
  return self.rest
end


return deco
