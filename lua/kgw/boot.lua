-- From a loaded configuration to a Lua state that workers can be forked from: settings for C, log, shared dictionaries,
-- module paths, the ngx API, the gateway itself. Runs in the master, before any fork.
local posix = require "kgw.posix"

local boot = {}

local LEVELS = { emerg = 1, alert = 2, crit = 3, error = 4, warn = 5, notice = 6, info = 7, debug = 8 }
local LOG_WARN = 5

-- Shared dictionaries every node has; memory is taken when it is first used. false: mem_cache_size.
local DICTIONARIES = {
  { "kong", "5m" }, { "kong_locks", "8m" }, { "kong_healthchecks", "5m" }, { "kong_cluster_events", "5m" },
  { "kong_rate_limiting_counters", "12m" }, { "kong_core_db_cache", false }, { "kong_core_db_cache_miss", "12m" },
  { "kong_db_cache", false }, { "kong_db_cache_miss", "12m" }, { "kong_secrets", "5m" }, { "kong_keyring", "5m" },
  { "kong_config", "256m" },
}


-- A bundled plugin answers to the name a user's own would have; it is looked up after lua_package_path.
local function bundled_plugin_loader(name)
  local rest = name:match("^kong%.plugins%.(.+)$")
  if not rest then
    return nil
  end
  local base = KGW_ROOT .. "/plugins/" .. rest:gsub("%.", "/")
  for _, path in ipairs { base .. ".lua", base .. "/init.lua" } do
    local chunk, err = loadfile(path)
    if chunk then
      return chunk
    end
    if posix.exists(path) then
      error(err, 0)
    end
  end
  return "\n\tno file '" .. base .. ".lua'"
end


local own_path, own_cpath = package.path, package.cpath
local has_loader = false

--- Sets where modules are looked for: the user's paths first when they were given, then kgw's own.
function boot.set_paths(conf)
  local path = conf.lua_package_path or ""
  local is_given = conf["$given"] == nil or conf["$given"].lua_package_path ~= nil
  path = path:gsub(";;", ";"):gsub(";$", "")
  package.path = is_given and path .. ";" .. own_path or own_path .. ";" .. path
  local cpath = (conf.lua_package_cpath or ""):gsub(";;", ";"):gsub(";$", "")
  package.cpath = cpath ~= "" and cpath .. ";" .. own_cpath or own_cpath
  if not has_loader then
    has_loader = true
    table.insert(package.loaders, bundled_plugin_loader)
  end
end


local function make_dictionaries(conf)
  local ffi = require "ffi"
  local settings = require "kgw.settings"
  local size = require("kong.conf.values").size
  local function make(name, bytes)
    if ffi.C.kgw_ffi_dict_make(name, bytes) == nil then
      return nil, ("cannot make the shared dictionary '%s'"):format(name)
    end
    return true
  end
  local list = {}
  for _, item in ipairs(DICTIONARIES) do
    list[#list + 1] = { item[1], size(item[2] or conf.mem_cache_size) or 128 * 1024 * 1024 }
  end
  if conf.new_dns_client then
    list[#list + 1] = { "kong_dns_cache", size(conf.resolver_mem_cache_size) or 5 * 1024 * 1024 }
  end
  for _, item in ipairs(settings.dictionaries(conf)) do
    list[#list + 1] = item
  end
  for _, item in ipairs(list) do
    local ok, err = make(item[1], item[2])
    if not ok then
      return nil, err
    end
  end
  return true
end


--- The functions of C, the ngx API and the module paths: what any command that loads gateway code needs.
function boot.open(conf)
  boot.set_paths(conf)
  require "ngx"
end


--- What a Lua file that is run on an event loop finds: the ngx API, shared dictionaries, module paths. true, or nil, err.
function boot.open_script(conf)
  require "ngx.base"
  local ok, err = make_dictionaries(conf)
  if ok then
    boot.open(conf)
  end
  return ok, err
end


--- Plugins and schemas without a gateway: what reading a declarative file needs. true, or nil, err.
function boot.open_db(conf)
  require "ngx.base"
  local has_dictionaries, dictionary_err = make_dictionaries(conf)
  if not has_dictionaries then
    return nil, dictionary_err
  end
  boot.open(conf)
  -- Plugins may use the global `kong` as soon as they are loaded.
  _G.kong = _G.kong or require("kong.pdk").new(conf)
  local db, err = require("kong.db").new(conf)
  if not db then
    return nil, err
  end
  kong.db = db
  local plugins
  plugins, err = require("kong.db.plugins").load(conf, db)
  return plugins and true, err
end


-- Opens the log and tells C everything. Returns nil, err on failure.
local function hand_over(conf)
  local ffi = require "ffi"
  local certificates = require "kgw.certificates"
  local prefix = require "kgw.prefix"
  local remarks = conf["$remarks"]
  local function remark(text)
    remarks[#remarks + 1] = text
  end
  local is_usable = prefix.is_usable(conf)
  if not is_usable then
    remark("the prefix " .. conf.prefix .. " cannot be written: nothing is saved in it")
  end
  if conf.database == "postgres" then
    remark("database = postgres: there is no Postgres here, so this node has no entities and takes none; use database = off "
           .. "(declarative_config, POST /config) or database = lmdb (the Admin API writes)")
  end
  local logs = prefix.logs(conf, remark)
  ffi.C.kgw_ffi_boot_log(logs.error, LEVELS[conf.log_level])
  local material, err = certificates.of(conf, is_usable)
  if not material then
    return nil, err
  end
  local settings = require "kgw.settings"
  settings.apply(conf, logs, remark)
  settings.set_certificates(material)
  for _, text in ipairs(remarks) do
    ffi.C.kgw_ffi_log(LOG_WARN, text, #text)
  end
  return true
end


--- Boots. true, or nil and a text for the operator.
function boot.start(conf)
  require("kong.conf").own = conf
  require "ngx.base"
  local ok, err = hand_over(conf)
  if not ok then
    return nil, err
  end
  ok, err = make_dictionaries(conf)
  if not ok then
    return nil, err
  end
  boot.open(conf)
  ok, err = require("kong.runloop").init(conf)
  if not ok then
    return nil, err
  end
  return true
end


return boot
