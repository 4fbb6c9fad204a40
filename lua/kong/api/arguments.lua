-- Request bodies and queries as tables: JSON, forms, multipart. Names like "config.limit", "hosts[]" and "hosts[2]"
-- become nested tables; texts of forms become numbers and booleans where a schema says so.
-- Used by kong.api. Must never judge an entity.
local cjson = require "cjson.safe"
local value = require "kong.db.schema.value"

local find = string.find
local gmatch = string.gmatch
local gsub = string.gsub
local lower = string.lower
local match = string.match
local pairs = pairs
local sub = string.sub
local tonumber = tonumber
local type = type

local null = value.null

local arguments = {}


-- "a.b[1]" -> {"a", "b", 1}; "a[]" appends.
local function path_of(name)
  local path = {}
  for part in gmatch(name, "[^.]+") do
    local key, rest = match(part, "^([^%[]*)(.*)$")
    if key ~= "" then
      path[#path + 1] = key
    end
    for index in gmatch(rest, "%[([^%]]*)%]") do
      path[#path + 1] = index == "" and true or tonumber(index) or index
    end
  end
  return path
end


local function put(t, path, v)
  for i = 1, #path - 1 do
    local key = path[i] == true and #t + 1 or path[i]
    if type(t[key]) ~= "table" then
      t[key] = {}
    end
    t = t[key]
  end
  local last = path[#path]
  if last == true then
    if type(v) == "table" then
      for _, item in ipairs(v) do
        t[#t + 1] = item
      end
      return
    end
    last = #t + 1
  end
  t[last] = v
end


-- Flat form arguments as nested tables; an empty text means null.
function arguments.nest(args)
  local nested = {}
  for name, v in pairs(args) do
    if v == "" then
      v = null
    end
    if type(name) == "string" and find(name, "[.%[]") then
      local path = path_of(name)
      if #path > 0 then
        put(nested, path, v)
      end
    else
      nested[name] = v
    end
  end
  return nested
end


local infer


local function infer_list(field, v)
  if type(v) ~= "table" then
    v = { v }
  end
  for i = 1, #v do
    v[i] = infer(field.elements, v[i])
  end
  return v
end


-- One value of a form as the type of its field.
function infer(field, v)
  if v == null or not field then
    return v
  end
  local kind = field.type
  if kind == "number" or kind == "integer" then
    return tonumber(v) or v
  elseif kind == "boolean" then
    if v == "true" or v == true then
      return true
    elseif v == "false" or v == false then
      return false
    end
    return v
  elseif kind == "array" or kind == "set" then
    return infer_list(field, v)
  elseif kind == "map" and type(v) == "table" then
    for k, item in pairs(v) do
      v[k] = infer(field.values, item)
    end
  elseif (kind == "record" or kind == "foreign") and type(v) == "table" and field.fields then
    for name, item in pairs(v) do
      v[name] = infer(field.fields[name], item)
    end
  end
  return v
end


-- Form arguments as the fields of a schema. Changes and returns args.
function arguments.infer(args, schema)
  if not schema then
    return args
  end
  for name, field in schema:each_field(args) do
    if args[name] ~= nil then
      args[name] = infer(field, args[name])
    end
  end
  if schema.ttl and args.ttl ~= nil then
    args.ttl = tonumber(args.ttl) or args.ttl
  end
  return args
end


local function unescape(text)
  return ngx.unescape_uri((gsub(text, "%+", " ")))
end


-- "a=1&b=2" as a table; a name that comes twice gets a list.
function arguments.decode_form(text)
  local args = {}
  for part in gmatch(text, "[^&]+") do
    local name, v = match(part, "^([^=]*)=?(.*)$")
    name, v = unescape(name), unescape(v)
    local known = args[name]
    if known == nil then
      args[name] = v
    elseif type(known) == "table" then
      known[#known + 1] = v
    else
      args[name] = { known, v }
    end
  end
  return args
end


local function decode_multipart(text, boundary)
  local args = {}
  local marker = "--" .. boundary
  local at = find(text, marker, 1, true)
  while at do
    local from = at + #marker
    local next_at = find(text, marker, from, true)
    if not next_at then
      break
    end
    local part = sub(text, from, next_at - 1)
    local head, body = match(part, "^\r?\n(.-)\r?\n\r?\n(.*)$")
    if head then
      local name = match(head, 'name="([^"]*)"')
      if name then
        args[name] = gsub(body, "\r?\n$", "")
      end
    end
    at = next_at
  end
  return args
end


-- Body by content type: args, nil, text | nil, status, message. args is nil without error when there is no body.
-- accepts_text: bodies that are YAML texts are fine (POST /config).
function arguments.decode_body(text, content_type, accepts_text)
  if not text or text == "" then
    return nil
  end
  local kind = lower(match(content_type or "", "^%s*([^;%s]*)") or "")
  if kind == "application/json" or match(kind, "^application/.+%+json$") then
    local decoded = cjson.decode(text)
    if type(decoded) ~= "table" then
      if accepts_text and decoded ~= nil then
        return decoded
      end
      return nil, 400, "Cannot parse JSON body"
    end
    return decoded
  elseif kind == "application/x-www-form-urlencoded" then
    return arguments.nest(arguments.decode_form(text)), nil, nil, true
  elseif kind == "multipart/form-data" then
    local boundary = match(content_type, 'boundary="?([^";]+)"?')
    if not boundary then
      return nil, 400, "Cannot parse multipart body"
    end
    return arguments.nest(decode_multipart(text, boundary)), nil, nil, true
  elseif accepts_text and (kind == "text/yaml" or kind == "application/yaml" or kind == "text/x-yaml"
                           or kind == "application/x-yaml") then
    return text
  end
  return nil, 415, nil
end


return arguments
