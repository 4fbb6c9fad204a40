-- A node seen from the command line: its configuration, its prefix, its process.
local conf_module = require "kong.conf"
local posix = require "kgw.posix"
local prefix = require "kgw.prefix"

local fmt = string.format

local node = {}


--- A line on stdout. (The ngx API makes `print` write to the log.)
function node.say(text)
  io.stdout:write(text, "\n")
end


--- Ends the command: "Error: <text>" and the hint how to see more (not with is_short).
function node.fail(text, is_short)
  error({ message = text, is_short = is_short }, 0)
end


function node.refuse_template(options)
  if options.nginx_conf then
    node.fail("--nginx-conf: kgw has no nginx configuration; set properties or nginx_* directives instead")
  end
end


--- The configuration for a command, or the command ends with the error.
function node.load(options, more)
  local overrides = { prefix = options.prefix }
  local conf, err = conf_module.load(options.conf, overrides, more)
  if not conf then
    node.fail(err)
  end
  return conf
end


--- Makes the prefix of a configuration that need not be right in other ways.
function node.ensure_prefix(options)
  local path, err = conf_module.prefix_of(options.conf, { prefix = options.prefix })
  if not path then
    node.fail(err)
  end
  local ok
  ok, err = prefix.ensure(path)
  if not ok then
    node.fail(err)
  end
end


--- Prefix of a running node: -p, else what file and environment say. Ends the command when there is no such folder.
function node.prefix(options)
  local path = options.prefix or conf_module.prefix_of(nil, {}) or "/usr/local/kong"
  path = posix.absolute(path)
  if not posix.exists(path .. "/.kong_env") then
    node.fail("no such prefix: " .. path)
  end
  return path
end


--- The pid of the node in this prefix; ends the command when none runs.
function node.pid(path)
  local pid = prefix.running(path)
  if not pid then
    node.fail("nginx not running in prefix: " .. path)
  end
  return pid
end


--- Waits until the process has ended. True when it has within the time.
function node.wait_gone(pid, ms)
  while ms > 0 do
    if posix.has_ended(pid) then
      return true
    end
    posix.sleep_ms(5)
    ms = ms - 5
  end
  return false
end


local function date()
  return os.date("%Y/%m/%d %H:%M:%S")
end


--- A line of the command's own log on stderr.
function node.log(level, text)
  io.stderr:write(fmt("%s [%s] %s\n", date(), level, text))
end


--- One HTTP request of the command line to a local listener ({ip, port, ssl}). Returns status, or nil, err.
function node.http(listener, method, path, body)
  local ip = listener.ip:gsub("^%[(.*)%]$", "%1")
  if ip == "0.0.0.0" then
    ip = "127.0.0.1"
  elseif ip == "::" then
    ip = "::1"
  end
  local stream, err = require("socket").tcp()
  if ip:find(":", 1, true) then
    stream = require("socket").tcp6()
  end
  if not stream then
    return nil, err
  end
  stream:settimeout(2)
  local ok
  ok, err = stream:connect(ip, listener.port)
  if not ok then
    return nil, err
  end
  if listener.ssl then
    stream:close()
    return listener.ssl and 0
  end
  body = body or ""
  stream:send(fmt("%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
                  method, path, #body, body))
  local line
  line, err = stream:receive("*l")
  stream:close()
  local status = line and tonumber(line:match("^HTTP/%d%.%d (%d+)"))
  return status, err or "no HTTP answer"
end


return node
