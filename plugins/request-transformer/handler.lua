-- Changes requests on their way to the upstream: path, method, headers, body, query string, in this order.
local body = require "kong.plugins.request-transformer.body"
local meta = require "kong.meta"
local pairs_list = require "kong.tools.pairs_list"
local template = require "kong.plugins.request-transformer.template"

local kong = kong
local ngx = ngx
local type = type
local pairs = pairs
local lower = string.lower


local RequestTransformer = {
  VERSION = meta.version,
  PRIORITY = 801,
}


local function transform_uri(conf, view)
  if conf.replace.uri then
    kong.service.request.set_path(template.render(conf.replace.uri, view))
  end
end


local BODILESS = { GET = true, HEAD = true, TRACE = true }

-- A form that is sent with a method for which servers ignore bodies goes into the query string too.
local function transform_method(conf)
  local method = conf.http_method
  if not method then
    return
  end
  kong.service.request.set_method(method)
  if not BODILESS[method] or body.kind_of(kong.request.get_header("content-type")) ~= "form" then
    return
  end
  local args = ngx.decode_args(kong.request.get_raw_body() or "")
  if next(args) == nil then
    return
  end
  local query = kong.request.get_query()
  for name, value in pairs(args) do
    query[name] = query[name] and body.appended(query[name], value) or value
  end
  kong.service.request.set_query(query)
end


-- Headers as they will be, and what has to be done to the request: names whose value changed.
local function rename_headers(list, view, headers, changed)
  local entries = pairs_list.of(list)
  for i = 1, entries.n do
    local old, new = entries.names[i], entries.values[i]
    new = new and template.render(new, view)
    local old_key = lower(old)
    local value = old_key ~= "host" and headers[old_key]
    if value and new and old ~= new then
      headers[old_key], changed[old_key] = nil, old
      headers[lower(new)], changed[lower(new)] = value, new
      if old_key == lower(new) then
        kong.service.request.clear_header(old)
      end
    end
  end
end


local function remove_headers(list, headers, changed)
  local entries = pairs_list.of(list)
  for i = 1, entries.n do
    local name = entries.names[i]
    local key = lower(name)
    if headers[key] and key ~= "host" then
      headers[key], changed[key] = nil, name
    end
  end
end


-- must_exist: true for replacing, false for adding.
local function set_headers(list, view, headers, changed, must_exist)
  local entries = pairs_list.of(list)
  for i = 1, entries.n do
    local name, value = entries.names[i], entries.values[i]
    local key = lower(name)
    local is_wanted
    if must_exist then
      is_wanted = key == "host" or headers[key] ~= nil
    else
      is_wanted = key ~= "host" and headers[key] == nil
    end
    if value and is_wanted then
      headers[key], changed[key] = template.render(value, view), name
    end
  end
end


local function append_headers(list, view, headers, changed)
  local entries = pairs_list.of(list)
  for i = 1, entries.n do
    local name, value = entries.names[i], entries.values[i]
    local key = lower(name)
    if value and key ~= "host" then
      headers[key], changed[key] = body.appended(headers[key], template.render(value, view)), name
    end
  end
end


local function has_any(conf, part)
  return conf.remove[part][1] or conf.rename[part][1] or conf.replace[part][1] or conf.add[part][1]
         or conf.append[part][1]
end


local function transform_headers(conf, view)
  if not has_any(conf, "headers") then
    return
  end
  local headers, changed = kong.request.get_headers(), {}
  remove_headers(conf.remove.headers, headers, changed)
  rename_headers(conf.rename.headers, view, headers, changed)
  set_headers(conf.replace.headers, view, headers, changed, true)
  set_headers(conf.add.headers, view, headers, changed, false)
  append_headers(conf.append.headers, view, headers, changed)
  for key, name in pairs(changed) do
    if headers[key] == nil then
      kong.service.request.clear_header(name)
    else
      kong.service.request.set_header(name, headers[key])
    end
  end
end


local function copy_query(args)
  local copy = {}
  for name, value in pairs(args) do
    if type(value) == "table" then
      local values = {}
      for i = 1, #value do
        values[i] = value[i]
      end
      value = values
    end
    copy[name] = value
  end
  return copy
end


-- What each kind of change does to the arguments; the functions stand here so that requests make no closures.
local function remove_argument(query, name)
  query[name] = nil
end


local function rename_argument(query, name, new_name)
  if query[name] and new_name and name ~= new_name then
    query[name], query[new_name] = nil, query[name]
  end
end


local function replace_argument(query, name, value)
  if query[name] then
    query[name] = value
  end
end


local function add_argument(query, name, value)
  query[name] = query[name] or value
end


local function append_argument(query, name, value)
  query[name] = body.appended(query[name], value)
end


local function change(query, list, view, fn)
  local entries = pairs_list.of(list)
  for i = 1, entries.n do
    local value = entries.values[i]
    fn(query, entries.names[i], value and template.render(value, view))
  end
end


local function transform_query(conf, view)
  if not has_any(conf, "querystring") then
    return
  end
  local query = copy_query(view.query_params)
  change(query, conf.remove.querystring, view, remove_argument)
  change(query, conf.rename.querystring, view, rename_argument)
  change(query, conf.replace.querystring, view, replace_argument)
  change(query, conf.add.querystring, view, add_argument)
  change(query, conf.append.querystring, view, append_argument)
  kong.service.request.set_query(query)
end


function RequestTransformer:access(conf)
  local view = template.new_view()
  transform_uri(conf, view)
  transform_method(conf)
  transform_headers(conf, view)
  if body.is_wanted(conf) then
    body.transform(conf, view)
  end
  transform_query(conf, view)
end


return RequestTransformer
