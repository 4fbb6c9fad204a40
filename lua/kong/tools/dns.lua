-- require "kong.tools.dns": function (conf) -> the DNS client. It has the settings of kong.conf.
return function()
  return require "kong.resty.dns.client"
end
