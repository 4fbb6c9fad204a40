-- Where the plugin keeps accounts, certificates and challenges. Each kind has new(conf), set, add, get, delete, list.
local storage = {}

local KINDS = { shm = true, redis = true }


-- conf: the plugin's. A storage | nil, err.
function storage.of(conf)
  local kind = conf.storage
  if not KINDS[kind] then
    return nil, "storage '" .. kind .. "' is not supported, use redis or shm"
  end
  return require("kong.plugins.acme.storage." .. kind).new(conf.storage_config[kind])
end


return storage
