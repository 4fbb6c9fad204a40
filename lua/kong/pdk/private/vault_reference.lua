-- References to secrets: "{vault://name/resource/key?option=value#version}", taken apart.
local concat = table.concat
local find = string.find
local fmt = string.format
local match = string.match
local sub = string.sub
local tonumber = tonumber
local tostring = tostring
local type = type
local unescape = ngx.unescape_uri

local vault_reference = {}

local START, FINISH = "{vault://", "}"


function vault_reference.is_reference(text)
  return type(text) == "string" and sub(text, -1) == FINISH and sub(text, 1, #START) == START
end


-- "a=1&b" as { a = "1", b = true }.
local function parse_options(text)
  if not text or text == "" then
    return nil
  end
  local options = {}
  for piece in text:gmatch("[^&]+") do
    local name, value = match(piece, "^([^=]*)=?(.*)$")
    options[unescape(name)] = find(piece, "=", 1, true) and unescape(value) or true
  end
  return options
end


-- resource, key. The last of several segments is the key, unless the path ends with a slash.
local function split_path(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    parts[#parts + 1] = unescape(part)
  end
  if #parts < 2 or sub(path, -1) == "/" then
    return concat(parts, "/")
  end
  return concat(parts, "/", 1, #parts - 1), parts[#parts]
end


-- { name, resource, key, config, version } | nil, err.
function vault_reference.parse(reference)
  if not vault_reference.is_reference(reference) then
    return nil, fmt("not a reference [%s]", tostring(reference))
  end
  local inner = sub(reference, #START + 1, -2)
  local front, fragment = match(inner, "^([^#]*)#?(.*)$")
  local place, query = match(front, "^([^?]*)%??(.*)$")
  local name, path = match(place, "^([^/]*)(.*)$")
  if name == "" then
    return nil, fmt("reference url is missing host [%s]", reference)
  end
  if path == "" then
    return nil, fmt("reference url is missing path [%s]", reference)
  end
  path = sub(path, 2)
  if path == "" then
    return nil, fmt("reference url has empty path [%s]", reference)
  end
  local version
  if fragment ~= "" then
    version = tonumber(fragment)
    if not version then
      return nil, fmt("reference url has invalid version [%s]", reference)
    end
  end
  local resource, key = split_path(path)
  if resource == "" then
    return nil, fmt("reference url has invalid path [%s]", reference)
  end
  return { name = name, resource = resource, key = key, config = parse_options(query), version = version }
end


-- Calls fn(reference, holder, key) for every reference that a configuration keeps under "$refs", at any depth.
function vault_reference.each(config, fn)
  if type(config) ~= "table" then
    return
  end
  for key, value in pairs(config) do
    if key ~= "$refs" and type(value) == "table" then
      vault_reference.each(value, fn)
    end
  end
  local refs = config["$refs"]
  if type(refs) ~= "table" then
    return
  end
  for name, reference in pairs(refs) do
    if type(reference) == "string" then
      fn(reference, config, name)
    elseif type(reference) == "table" then
      local holder = config[name]
      if type(holder) ~= "table" then
        holder = {}
        config[name] = holder
      end
      for key, item in pairs(reference) do
        if type(item) == "string" then
          fn(item, holder, key)
        end
      end
    end
  end
end


return vault_reference
