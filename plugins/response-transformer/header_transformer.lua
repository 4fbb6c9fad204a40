-- Changes headers of answers: remove, rename, replace, add, append, in this order.
local pairs_list = require "kong.tools.pairs_list"

local kong = kong

local header_transformer = {}


-- True for application/json and types with the suffix +json; several types may be joined by commas.
function header_transformer.is_json_body(content_type)
  if not content_type then
    return false
  end
  for media_type in content_type:lower():gmatch("[^,]+") do
    local subtype = media_type:match("^%s*application/([^;%s]+)")
    if subtype == "json" or subtype and subtype:sub(-5) == "+json" then
      return true
    end
  end
  return false
end


function header_transformer.is_body_transform_set(conf)
  return (conf.remove.json[1] or conf.rename.json[1] or conf.replace.json[1] or conf.add.json[1]
          or conf.append.json[1]) ~= nil
end


local function has_header_changes(conf)
  return conf.remove.headers[1] or conf.rename.headers[1] or conf.replace.headers[1] or conf.add.headers[1]
         or conf.append.headers[1]
end


local function each(list, fn, headers)
  local entries = pairs_list.of(list)
  for i = 1, entries.n do
    fn(entries.names[i], entries.values[i], headers)
  end
end


local function remove(name)
  kong.response.clear_header(name)
end


local function rename(name, new_name, headers)
  local value = headers[name]
  if value ~= nil and new_name then
    kong.response.set_header(new_name, value)
    kong.response.clear_header(name)
  end
end


local function replace(name, value, headers)
  if value and headers[name] ~= nil then
    kong.response.set_header(name, value)
  end
end


local function add(name, value, headers)
  if value and headers[name] == nil then
    kong.response.set_header(name, value)
  end
end


local function append(name, value)
  if value then
    kong.response.add_header(name, value)
  end
end


-- headers: those of the answer before any change; what an operation meets is decided by them alone.
function header_transformer.transform_headers(conf, headers)
  if has_header_changes(conf) then
    each(conf.remove.headers, remove)
    each(conf.rename.headers, rename, headers)
    each(conf.replace.headers, replace, headers)
    each(conf.add.headers, add, headers)
    each(conf.append.headers, append)
  end
  if header_transformer.is_body_transform_set(conf)
     and header_transformer.is_json_body(headers["content-type"]) then
    -- The body will have another length.
    kong.response.clear_header("Content-Length")
  end
end


return header_transformer
