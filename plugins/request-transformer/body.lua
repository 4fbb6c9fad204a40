-- Changes fields of form, multipart and JSON bodies. Each kind knows how to read and write its fields; the
-- operations are the same for all.
local cjson = require("cjson.safe").new()
local multipart = require "multipart"
local pairs_list = require "kong.tools.pairs_list"
local template = require "kong.plugins.request-transformer.template"

local kong = kong
local ngx = ngx
local type = type

cjson.decode_array_with_array_mt(true)

local body = {}


-- The values of a field together with one more.
function body.appended(current, value)
  if type(current) == "string" then
    return { current, value }
  elseif type(current) == "table" then
    current[#current + 1] = value
    return current
  end
  return { value }
end


-- Bodies that decode to a table of fields.
local function table_kind(decode, encode)
  return {
    open = decode,
    close = encode,
    get = function(fields, name)
      return fields[name]
    end,
    set = function(fields, name, value)
      fields[name] = value
    end,
    append = function(fields, name, value)
      fields[name] = body.appended(fields[name], value)
    end,
  }
end


local function decode_json(text)
  if not text or text == "" then
    return {}
  end
  local fields = cjson.decode(text)
  return type(fields) == "table" and fields or nil
end


local function decode_form(text)
  return ngx.decode_args(text or "")
end


local kinds = {
  json = table_kind(decode_json, cjson.encode),
  form = table_kind(decode_form, ngx.encode_args),
  multipart = {
    open = function(text, content_type)
      return multipart(text or "", content_type)
    end,
    close = function(fields)
      return fields:tostring()
    end,
    get = function(fields, name)
      local part = fields:get(name)
      return part and part.value
    end,
    set = function(fields, name, value)
      fields:delete(name)
      if value ~= nil then
        fields:set_simple(name, value)
      end
    end,
  },
}


function body.kind_of(content_type)
  if not content_type then
    return nil
  end
  local lower = content_type:lower()
  if lower:find("application/json", 1, true) then
    return "json"
  elseif lower:find("multipart/form-data", 1, true) then
    return "multipart"
  elseif lower:find("application/x-www-form-urlencoded", 1, true) then
    return "form"
  end
end


-- Calls fn(name, value) for every entry of a list; values are rendered.
local function each(list, view, fn)
  local entries = pairs_list.of(list)
  for i = 1, entries.n do
    local value = entries.values[i]
    fn(entries.names[i], value and template.render(value, view))
  end
end


-- Operations on fields that are there. True when something changed.
local function change_existing(conf, view, kind, fields)
  local is_changed = false
  each(conf.remove.body, view, function(name)
    kind.set(fields, name, nil)
    is_changed = true
  end)
  each(conf.rename.body, view, function(name, new_name)
    local value = kind.get(fields, name)
    if value and new_name and name ~= new_name then
      kind.set(fields, name, nil)
      kind.set(fields, new_name, value)
      is_changed = true
    end
  end)
  each(conf.replace.body, view, function(name, value)
    if kind.get(fields, name) then
      kind.set(fields, name, value)
      is_changed = true
    end
  end)
  return is_changed
end


local function add_missing(conf, view, kind, fields)
  local is_changed = false
  each(conf.add.body, view, function(name, value)
    if not kind.get(fields, name) then
      kind.set(fields, name, value)
      is_changed = true
    end
  end)
  if kind.append then
    each(conf.append.body, view, function(name, value)
      kind.append(fields, name, value)
      is_changed = true
    end)
  end
  return is_changed
end


-- True when the configuration asks for changes of bodies.
function body.is_wanted(conf)
  return conf.remove.body[1] or conf.rename.body[1] or conf.replace.body[1] or conf.add.body[1]
         or conf.append.body[1]
end


function body.transform(conf, view)
  local content_type = kong.request.get_header("content-type")
  local kind = kinds[body.kind_of(content_type)]
  if not kind then
    return
  end
  local text, err = kong.request.get_raw_body()
  if err then
    kong.log.warn(err)
  end
  local fields = kind.open(text, content_type)
  if not fields then
    return
  end
  local is_changed = false
  if text and text ~= "" then
    is_changed = change_existing(conf, view, kind, fields)
  end
  if add_missing(conf, view, kind, fields) or is_changed then
    kong.service.request.set_raw_body(assert(kind.close(fields)))
  end
end


return body
