-- Changes the top-level keys of JSON bodies: remove, rename, replace, add, append, in this order.
local cjson = require("cjson.safe").new()
local pairs_list = require "kong.tools.pairs_list"

local type = type
local tonumber = tonumber

cjson.decode_array_with_array_mt(true)

local body_transformer = {}


local casts = {
  number = tonumber,
  boolean = function(text)
    return text == "true"
  end,
  string = function(text)
    return text
  end,
}


-- Calls fn(name, value) for entries with a value that has the wanted type.
local function each_value(operation, fn)
  local entries = pairs_list.of(operation.json)
  for i = 1, entries.n do
    local value = entries.values[i]
    if value then
      value = casts[operation.json_types and operation.json_types[i] or "string"](value)
      if value ~= nil then
        fn(entries.names[i], value)
      end
    end
  end
end


local function appended(current, value)
  if type(current) == "string" then
    return { current, value }
  elseif type(current) == "table" then
    current[#current + 1] = value
    return current
  end
  return { value }
end


local function rename(operation, body)
  local entries = pairs_list.of(operation.json)
  for i = 1, entries.n do
    local old, new = entries.names[i], entries.values[i]
    local value = body[old]
    if value ~= nil and new then
      body[new] = value
      body[old] = nil
    end
  end
end


-- The changed text, or nil and an error when the text is no JSON object or list.
function body_transformer.transform_json_body(conf, text)
  local body = text and cjson.decode(text)
  if type(body) ~= "table" then
    return nil, "failed parsing json body"
  end
  local removed = pairs_list.of(conf.remove.json)
  for i = 1, removed.n do
    body[removed.names[i]] = nil
  end
  rename(conf.rename, body)
  each_value(conf.replace, function(name, value)
    if body[name] then
      body[name] = value
    end
  end)
  each_value(conf.add, function(name, value)
    if not body[name] then
      body[name] = value
    end
  end)
  each_value(conf.append, function(name, value)
    body[name] = appended(body[name], value)
  end)
  return cjson.encode(body)
end


return body_transformer
