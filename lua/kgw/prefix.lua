-- The prefix folder: what is written into it at start and how a running node is found by it. When it cannot be written
-- (read-only root, another user's folder) the node runs without it: nothing saved, logs on the standard streams.
local conf_module = require "kong.conf"
local posix = require "kgw.posix"

local prefix = {}


--- Makes the folder when it is missing and keeps a note about it in prefix.note, which is printed when the command is done.
-- true; nil, err when its name is taken by a file. A folder that cannot be made is not an error here.
function prefix.ensure(path)
  path = posix.absolute(path)
  if posix.is_dir(path) then
    return true
  end
  if posix.exists(path) then
    return nil, path .. " is not a directory"
  end
  prefix.note = "prefix directory " .. path .. " not found, trying to create it"
  posix.mkdirs(path)
  return true
end


--- Whether files can be written below the prefix.
function prefix.is_usable(conf)
  return posix.is_dir(conf.prefix) and posix.is_writable(conf.prefix)
end


-- "logs/access.log name" -> an absolute path; nil for "off"; the standard streams as they are.
local function log_path(conf, value)
  local path = (value or "off"):match("^(%S+)") or "off"
  if path == "off" then
    return nil
  end
  return path:sub(1, 1) == "/" and path or conf.prefix .. "/" .. path
end


-- Whether lines can be appended to the file; makes it. The standard streams are there whoever owns them.
local function is_appendable(path)
  if path == "/dev/stdout" or path == "/dev/stderr" then
    return true
  end
  local file = io.open(path, "a")
  if file then
    file:close()
  end
  return file ~= nil
end


--- Log files of the node: {error, access, admin_access, status_access, temp}; nil = off. Unusable ones are replaced by the
-- standard streams (errors) or off (access), with a remark.
function prefix.logs(conf, remark)
  local logs = { error = log_path(conf, conf.proxy_error_log), temp = "/tmp" }
  if logs.error and not is_appendable(logs.error) then
    remark("cannot write " .. logs.error .. ", errors go to the standard error stream")
    logs.error = nil
  end
  local listeners = conf["$listeners"]
  for key, property in pairs { access = "proxy_access_log", admin_access = "admin_access_log", status_access = "status_access_log" } do
    local kind = property:match("^%l+")
    local is_used = #listeners[kind] > 0 and (kind ~= "admin" or conf.role ~= "data_plane")
    local path = is_used and log_path(conf, conf[property])
    if path and not is_appendable(path) then
      remark(property .. ": cannot write " .. path .. ", it is off")
      path = nil
    end
    logs[key] = path
  end
  return logs
end


--- Makes the folders, the log files and .kong_env. Returns true, or nil, err.
function prefix.prepare(conf)
  for _, folder in ipairs { "logs", "pids", "sockets", "ssl" } do
    local ok, err = posix.mkdirs(conf.prefix .. "/" .. folder)
    if not ok then
      return nil, conf.prefix .. "/" .. folder .. ": " .. err
    end
  end
  for _, name in ipairs { "proxy_error_log", "proxy_access_log", "admin_access_log", "admin_error_log", "status_error_log" } do
    local path = log_path(conf, conf[name])
    if path and path:sub(1, #conf.prefix + 1) == conf.prefix .. "/" then
      is_appendable(path)
    end
  end
  return posix.write_file(conf.kong_env, conf_module.saved_text(conf), 416)
end


--- The pid in the pid file of a prefix, nil when there is none.
function prefix.pid(path)
  local text = posix.read_file(path .. "/pids/nginx.pid")
  return text and tonumber(text:match("%d+"))
end


--- The pid when that process lives and is a gateway: a pid file that was left behind may name any process, even this one.
function prefix.running(path)
  local pid = prefix.pid(path)
  if not pid or pid == posix.getpid() or posix.has_ended(pid) then
    return nil
  end
  local name = posix.read_file("/proc/" .. pid .. "/comm")
  return (name == nil or name == posix.read_file("/proc/self/comm") or name:match("^kgw\n$") or name:match("^kong\n$")) and pid or nil
end


return prefix
