-- Names of counters. They are those that Kong uses, so that nodes of both may share a Redis server.
local windows = require "kong.plugins.rate-limiting.windows"

local type = type

local keys = {}

local NO_UUID = "00000000-0000-0000-0000-000000000000"

local prefixes = setmetatable({}, { __mode = "k" })


local function id_or_none(id)
  return type(id) == "string" and id or NO_UUID
end


-- The part of the name that belongs to the configuration.
function keys.prefix(conf)
  local prefix = prefixes[conf]
  if not prefix then
    prefix = "ratelimit:" .. id_or_none(conf.route_id) .. ":" .. id_or_none(conf.service_id) .. ":"
    prefixes[conf] = prefix
  end
  return prefix
end


function keys.of(conf, identifier, period, now)
  return keys.prefix(conf) .. identifier .. windows.at(period, now).suffix
end


return keys
