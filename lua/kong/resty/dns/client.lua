-- require "kong.resty.dns.client": the gateway's own DNS client (kong.dns) by the interface of Kong's older one.
local dns = require "kong.dns"

local client = {
  TYPE_A = dns.TYPE_A, TYPE_CNAME = dns.TYPE_CNAME, TYPE_AAAA = dns.TYPE_AAAA, TYPE_SRV = dns.TYPE_SRV,
  TYPE_LAST = dns.TYPE_LAST,
}


-- The client has the settings of kong.conf; others are not taken.
function client.init()
  return true
end


-- Records of a name, list of what was tried | nil, err, tried.
function client.resolve(name, options, cache_only, tried)
  local records, err, list = dns.resolve(name, options, cache_only, tried)
  if not records then
    return nil, err, list
  end
  return records, list
end


-- ip, port, tried | nil, err, tried.
function client.toip(name, port, cache_only, tried)
  return dns.toip(name, port, cache_only, tried)
end


return client
