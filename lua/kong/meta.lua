-- Which Kong Gateway release this runtime answers as. Read by headers, the Admin API, `kgw version` and plugins.
local VERSION = { major = 3, minor = 9, patch = 3 }

setmetatable(VERSION, {
  __tostring = function(v)
    return ("%d.%d.%d%s"):format(v.major, v.minor, v.patch, v.suffix or "")
  end,
})

return {
  _NAME = "kong",
  _VERSION = tostring(VERSION),
  _VERSION_TABLE = VERSION,
  _SERVER_TOKENS = "kong/" .. tostring(VERSION),
  version = tostring(VERSION),
  -- The Kong versions a data plane of this release may talk to, as plugins and control planes check them.
  _DEPENDENCIES = { nginx = { "1.25.3.2" } },
}
