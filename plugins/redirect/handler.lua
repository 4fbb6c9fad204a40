-- Sends clients elsewhere.
local meta = require "kong.meta"
local url = require "socket.url"

local kong = kong
local byte = string.byte
local fmt = string.format


local Redirect = {
  PRIORITY = 779,
  VERSION = meta.version,
}


local DEFAULT_PORTS = { http = "80", https = "443" }


local function escape(char)
  return fmt("%%%02X", byte(char))
end


-- The configured address without path and query, and its fragment.
local origins = setmetatable({}, { __mode = "k" })

local function origin_of(conf)
  local origin = origins[conf]
  if not origin then
    local parts = url.parse(conf.location)
    local authority = parts.authority
    local default = ":" .. (DEFAULT_PORTS[parts.scheme] or "none")
    if authority:sub(-#default) == default then
      authority = authority:sub(1, -#default - 1)
    end
    origin = {
      base = parts.scheme .. "://" .. authority,
      fragment = parts.fragment and "#" .. parts.fragment or "",
    }
    origins[conf] = origin
  end
  return origin
end


function Redirect:access(conf)
  local location = conf.location
  if conf.keep_incoming_path then
    local origin = origin_of(conf)
    -- What may not stand in a path or query as it is, by the URL standard.
    local path = kong.request.get_path():gsub("[%c \"#<>?`{}\128-\255]", escape)
    local query = kong.request.get_raw_query()
    query = query ~= "" and "?" .. query:gsub("[%c \"#<>\128-\255]", escape) or ""
    location = origin.base .. path .. query .. origin.fragment
  end
  return kong.response.exit(conf.status_code, "redirecting", { Location = location })
end


return Redirect
