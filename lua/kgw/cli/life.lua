-- Commands about the life of a node: start, stop, quit, reload, restart, prepare, health, drain.
local boot = require "kgw.boot"
local conf_module = require "kong.conf"
local node = require "kgw.cli.node"
local posix = require "kgw.posix"
local prefix = require "kgw.prefix"

local fmt = string.format
local say = node.say

local CONF_AND_PREFIX = {
  { long = "conf", short = "c", kind = "string" }, { long = "prefix", short = "p", kind = "string" },
  { long = "nginx-conf", kind = "string" }, { long = "run-migrations", kind = "boolean" },
  { long = "db-timeout", kind = "number" }, { long = "lock-timeout", kind = "number", default = 60 },
  { long = "nginx-conf-flags", kind = "string" },
}
local PREFIX = { { long = "prefix", short = "p", kind = "string" } }
local STOP_MS = 10000

local life = {}


-- Boots with this configuration; the process goes on as the master.
local function run(conf)
  if prefix.running(conf.prefix) then
    node.fail("Kong is already running in " .. conf.prefix)
  end
  if prefix.is_usable(conf) then
    local ok, err = prefix.prepare(conf)
    if not ok then
      node.fail(err)
    end
  elseif conf["$path"] then
    -- Nothing can be saved: a reload reads this file again.
    posix.setenv("KGW_CONF_FILE", posix.absolute(conf["$path"]))
  end
  local ok, err = boot.start(conf)
  if not ok then
    node.fail(err)
  end
  return 0, "run"
end


local function start(options)
  node.refuse_template(options)
  node.ensure_prefix(options)
  return run(node.load(options, { is_starting = true }))
end
life.start = { options = CONF_AND_PREFIX, run = start }


--- What the image runs: like start, in the foreground.
life.docker_start = {
  options = CONF_AND_PREFIX,
  run = function(options)
    node.ensure_prefix(options)
    posix.setenv("KONG_NGINX_DAEMON", "off")
    return run(node.load(options, { is_starting = true }))
  end,
}


-- SIGTERM; a second one after half of the time makes the node cut what is left.
local function stop_node(pid)
  posix.kill(pid, posix.SIGTERM)
  if not node.wait_gone(pid, 1000) then
    posix.kill(pid, posix.SIGTERM)
    if not node.wait_gone(pid, STOP_MS) then
      posix.kill(pid, posix.SIGKILL)
      node.wait_gone(pid, 1000)
    end
  end
end


life.stop = {
  options = PREFIX,
  run = function(options)
    stop_node(node.pid(node.prefix(options)))
    say("Kong stopped")
    return 0
  end,
}


life.quit = {
  options = {
    PREFIX[1], { long = "timeout", short = "t", kind = "number", default = 10 },
    { long = "wait", short = "w", kind = "number", default = 0 },
  },
  run = function(options)
    local pid = node.pid(node.prefix(options))
    if options.timeout < 1 then
      node.fail("Timeout must be at least 1 second")
    end
    if options.wait > 0 and node.wait_gone(pid, options.wait * 1000) then
      node.log("error", "Kong stopped while waiting (unexpected)")
      return 0
    end
    posix.kill(pid, posix.SIGQUIT)
    if node.wait_gone(pid, options.timeout * 1000) then
      say("Kong stopped (gracefully)")
    else
      stop_node(pid)
      say("Timeout, Kong stopped forcefully")
    end
    return 0
  end,
}


-- The configuration a reload asks for: the file that was named, else the saved one under the present environment.
local function changed_conf(options)
  if options.conf then
    node.ensure_prefix(options)
    return node.load(options)
  end
  local path = node.prefix(options)
  local conf, err = conf_module.load(path .. "/.kong_env", { prefix = path }, { is_saved = true })
  if not conf then
    node.fail(err)
  end
  return conf
end


life.reload = {
  options = CONF_AND_PREFIX,
  run = function(options)
    node.refuse_template(options)
    local conf = changed_conf(options)
    local pid = node.pid(conf.prefix)
    local ok, err = prefix.prepare(conf)
    if not ok then
      node.fail(err)
    end
    posix.kill(pid, posix.SIGHUP)
    say("Kong reloaded")
    return 0
  end,
}


life.restart = {
  options = CONF_AND_PREFIX,
  run = function(options)
    node.refuse_template(options)
    if options.prefix and not options.conf and posix.exists(options.prefix .. "/.kong_env") then
      options.conf, options.is_saved = options.prefix .. "/.kong_env", true
    end
    node.ensure_prefix(options)
    local conf = node.load(options, { is_saved = options.is_saved })
    local pid = prefix.running(conf.prefix)
    if pid then
      stop_node(pid)
      say("Kong stopped")
    end
    return run(node.load(options, { is_starting = true, is_saved = options.is_saved }))
  end,
}


life.prepare = {
  options = CONF_AND_PREFIX,
  run = function(options)
    node.refuse_template(options)
    node.ensure_prefix(options)
    local conf = node.load(options)
    local ok, err = prefix.prepare(conf)
    if not ok then
      node.fail(err)
    end
    if not posix.exists(conf.nginx_pid) then
      posix.write_file(conf.nginx_pid, "", 420)
    end
    return 0
  end,
}


-- Without a prefix to look into (read-only root) the node's own listeners tell.
local function is_answering()
  local conf = conf_module.load(nil, {})
  if not conf then
    return nil
  end
  local details = conf["$listeners"]
  local status = details.status[1]
  if status then
    return node.http(status, "GET", "/status/ready") ~= nil, conf.prefix
  end
  return details.proxy[1] and node.http(details.proxy[1], "GET", "/") ~= nil, conf.prefix
end


local function report_health(is_running, path)
  say("nginx......." .. (is_running and "running" or "not running"))
  if not is_running then
    node.fail("Kong is not running at " .. path)
  end
  say("\nKong is healthy at " .. path)
  return 0
end


life.health = {
  options = PREFIX,
  run = function(options)
    local path = posix.absolute(options.prefix or conf_module.prefix_of(nil, {}) or "/usr/local/kong")
    if not options.prefix and not posix.exists(path .. "/.kong_env") then
      local ok, at = is_answering()
      if ok then
        return report_health(true, at)
      end
    end
    path = node.prefix(options)
    return report_health(prefix.running(path) ~= nil, path)
  end,
}


life.drain = {
  options = { CONF_AND_PREFIX[1], CONF_AND_PREFIX[2] },
  run = function(options)
    local path = posix.absolute(options.prefix or conf_module.prefix_of(options.conf, {}) or "/usr/local/kong")
    local saved = path .. "/.kong_env"
    local conf = not options.conf and posix.exists(saved) and conf_module.load(saved, { prefix = path }, { is_saved = true })
    conf = conf or node.load(options)
    local listener = conf["$listeners"].status[1]
    if not listener then
      say("No status listeners found in configuration.")
      return 0
    end
    local url = fmt("%s://%s:%d/status/ready", listener.ssl and "https" or "http", listener.ip, listener.port)
    local status, err = node.http(listener, "POST", "/status/ready", "{\"status\":\"draining\"}")
    if not status then
      say(fmt("Failed to send request to %s: %s", url, err))
    elseif status ~= 204 and status ~= 200 then
      say(fmt("Unexpected response status from %s: %d", url, status))
    else
      say("Kong's status successfully changed to 'draining'")
    end
    return 0
  end,
}


return life
