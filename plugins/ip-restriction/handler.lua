-- Lets requests in, or keeps them out, by the client's address.
local ipmatcher = require "resty.ipmatcher"
local meta = require "kong.meta"

local kong = kong
local ngx = ngx


local IpRestriction = {
  PRIORITY = 990,
  VERSION = meta.version,
}


-- A matcher per list; the list is part of the configuration and dies with it.
local matchers = setmetatable({}, { __mode = "k" })


local function is_listed(list, address)
  local matcher = matchers[list]
  if not matcher then
    local err
    matcher, err = ipmatcher.new(list)
    if not matcher then
      return error("cannot build a matcher of addresses: " .. err)
    end
    matchers[list] = matcher
  end
  local found, err = matcher:match_bin(address)
  if err then
    return error("cannot match an address: " .. err)
  end
  return found
end


local function refuse(conf)
  local message = conf.message or "IP address not allowed: " .. ngx.var.remote_addr
  kong.log.warn(message)
  return kong.response.error(conf.status or 403, message)
end


local function restrict(conf)
  local address = ngx.var.binary_remote_addr
  if not address then
    return kong.response.error(403, "Cannot identify the client IP address, unix domain sockets are not supported.")
  end
  local deny, allow = conf.deny, conf.allow
  if deny and deny[1] and is_listed(deny, address) then
    return refuse(conf)
  end
  if allow and allow[1] and not is_listed(allow, address) then
    return refuse(conf)
  end
end


function IpRestriction:access(conf)
  return restrict(conf)
end


function IpRestriction:preread(conf)
  return restrict(conf)
end


return IpRestriction
