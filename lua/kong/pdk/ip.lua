-- kong.ip: whether an address is one of the proxies of `trusted_ips`.
local ipmatcher = require "kong.tools.ip_set"

local ALL_V4, ALL_V6 = "0.0.0.0/0", "::/0"


local function never()
  return false
end


local function always()
  return true
end


local function choose(trusted_ips)
  if not trusted_ips or #trusted_ips == 0 then
    return never
  end
  local has_v4, has_v6
  for i = 1, #trusted_ips do
    has_v4 = has_v4 or trusted_ips[i] == ALL_V4
    has_v6 = has_v6 or trusted_ips[i] == ALL_V6
  end
  if has_v4 and has_v6 then
    return always
  end
  local set, err = ipmatcher.new(trusted_ips)
  if not set then
    error("trusted_ips: " .. err)
  end
  return function(address)
    return set:contains(address)
  end
end


return {
  new = function(kong)
    return { is_trusted = choose(kong.configuration.trusted_ips) }
  end,
}
