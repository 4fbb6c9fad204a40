-- `kgw dev`: a gateway in the foreground that takes over plugin and configuration files when they are saved (kgw.dev).
local boot = require "kgw.boot"
local dev = require "kgw.dev"
local ffi = require "ffi"
local node = require "kgw.cli.node"
local posix = require "kgw.posix"
local prefix = require "kgw.prefix"

ffi.cdef "int execv(const char *path, char *const argv[]); unsigned getuid(void);"

local CONFIGURATIONS = { "kong.yml", "kong.yaml", "kong.json" }
local POLL_MS = 50


local function absolute(folders)
  local out = {}
  for i = 1, math.max(#folders, 1) do
    local folder = posix.absolute(folders[i] or ".")
    if not posix.is_dir(folder) then
      node.fail(folder .. " is not a folder", true)
    end
    out[i] = folder
  end
  return out
end


-- The declarative file: the configuration's own, else one that lies in a folder.
local function find_configuration(given, folders)
  if given.declarative_config then
    return posix.absolute(given.declarative_config)
  end
  for _, folder in ipairs(folders) do
    for _, name in ipairs(CONFIGURATIONS) do
      if posix.exists(folder .. "/" .. name) then
        return folder .. "/" .. name
      end
    end
  end
end


-- Settings that dev needs, over those of the file.
local function settings(options, folders)
  local conf = node.load({ conf = options.conf, prefix = options.prefix or "/tmp" })
  local given = conf["$given"]
  local temporary = (os.getenv("TMPDIR") or "/tmp") .. "/kgw-dev-" .. ffi.C.getuid() .. "-" .. folders[1]:gsub("%W", "-")
  local plugins = {}
  for _, name in ipairs(conf.plugins or { "bundled" }) do
    plugins[#plugins + 1] = name
  end
  for _, name in ipairs(dev.plugin_names(folders)) do
    plugins[#plugins + 1] = name
  end
  if plugins[1] == "off" and #plugins > 1 then
    table.remove(plugins, 1)
  end
  local out = {
    prefix = options.prefix or given.prefix ~= "/tmp" and given.prefix or temporary,
    plugins = table.concat(plugins, ","), nginx_worker_processes = "1", nginx_daemon = "off", allow_debug_header = "on",
    lua_package_path = dev.module_path(folders) .. ";" .. (given.lua_package_path or ";"),
    database = "off", declarative_config = find_configuration(given, folders),
    proxy_error_log = given.proxy_error_log or "/dev/stderr", proxy_access_log = given.proxy_access_log or "/dev/stdout",
    admin_error_log = given.admin_error_log or "/dev/stderr", status_error_log = given.status_error_log or "/dev/stderr",
  }
  if ffi.C.getuid() == 0 and not given.nginx_user then
    out.nginx_user = "root root"
  end
  return out
end


-- Waits for a save and starts the same command anew, in the same process.
local function wait_and_start_again(watch)
  dev.say("waiting for a change")
  while not watch:changes() do
    posix.sleep_ms(POLL_MS)
  end
  local words = {}
  for word in posix.read_file("/proc/self/cmdline"):gmatch("[^%z]+") do
    words[#words + 1] = word
  end
  local argv = ffi.new("const char *[?]", #words + 1)
  for i = 1, #words do
    argv[i - 1] = words[i]
  end
  ffi.C.execv("/proc/self/exe", ffi.cast("char *const *", argv))
  node.fail("cannot start again")
end


local function run(options)
  local folders = absolute(options)
  local overrides = settings(options, folders)
  local conf, err = require("kong.conf").load(options.conf, overrides, { is_starting = true })
  if not conf then
    node.fail(err)
  end
  if prefix.running(conf.prefix) then
    node.fail("Kong is already running in " .. conf.prefix)
  end
  local ok
  ok, err = posix.mkdirs(conf.prefix)
  if ok then
    ok, err = prefix.prepare(conf)
  end
  if not ok then
    node.fail(err)
  end
  local watch = dev.watch(folders, conf.declarative_config and { conf.declarative_config } or {})
  ok, err = boot.start(conf)
  if not ok then
    dev.say("error: " .. tostring(err))
    wait_and_start_again(watch)
  end
  local runloop = require "kong.runloop"
  local init_worker = runloop.init_worker
  runloop.init_worker = function()
    init_worker()
    dev.start(folders, conf.declarative_config, watch)
  end
  for _, listener in ipairs(conf["$listeners"].proxy) do
    dev.say(("proxy %s://%s:%d"):format(listener.ssl and "https" or "http", listener.ip, listener.port))
  end
  dev.say("watching " .. table.concat(folders, ", ") .. (conf.declarative_config and " and " .. conf.declarative_config or ""))
  return 0, "run"
end


return {
  options = { { long = "conf", short = "c", kind = "string" }, { long = "prefix", short = "p", kind = "string" } },
  run = run,
}
