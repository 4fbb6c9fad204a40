-- Names of kept answers: a digest over what makes requests different.
local sha256_hex = require("kong.tools.sha256").sha256_hex

local concat = table.concat
local sort = table.sort
local type = type

local cache_key = {}


-- "name=value:name=value" of the named arguments that are there.
local function join(args, names)
  local parts = {}
  for _, name in ipairs(names) do
    local value = args[name]
    if type(value) == "table" then
      local sorted = {}
      for i = 1, #value do
        sorted[i] = tostring(value[i])
      end
      sort(sorted)
      parts[#parts + 1] = name .. "=" .. concat(sorted, ",")
    elseif value == true then
      parts[#parts + 1] = name
    elseif value ~= nil then
      parts[#parts + 1] = name .. "=" .. tostring(value)
    end
  end
  return concat(parts, ":")
end


local function sorted_names(args)
  local names = {}
  for name in pairs(args) do
    names[#names + 1] = name
  end
  sort(names)
  return names
end


function cache_key.params_key(params, conf)
  local names = conf.vary_query_params
  return join(params, names and names[1] and names or sorted_names(params))
end


function cache_key.headers_key(headers, conf)
  return join(headers, conf.vary_headers or {})
end


function cache_key.prefix_uuid(consumer_id, route_id)
  if consumer_id and route_id then
    return consumer_id .. ":" .. route_id
  end
  return route_id or "default"
end


function cache_key.build_cache_key(consumer_id, route_id, method, uri, params, headers, conf)
  return sha256_hex(concat({ cache_key.prefix_uuid(consumer_id, route_id), method, uri,
                             cache_key.params_key(params, conf), cache_key.headers_key(headers, conf) }, "|"))
end


return cache_key
